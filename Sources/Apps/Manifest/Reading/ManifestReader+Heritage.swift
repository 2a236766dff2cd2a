internal import Documents
internal import JSON

/// `mcp`, with the port that it asks for.
struct MCPFields {
  var model: ManifestMCP
  var port: Int?
}

/// An entry of `healthchecks`.
struct HealthCheck {
  enum Port { case mcp, main }

  var port: Port
  var path: String
  var timeoutSeconds: Double
  var intervalSeconds: Double
}

/// The fields that the file has always had.
extension ManifestReader {
  func mcp() -> MCPFields? {
    let tools = root["tools"]?.toolNames() ?? []
    guard let fields = root["mcp"]?.fields("mcp", "a mapping that describes the MCP server") else {
      guard !tools.isEmpty else { return nil }
      let model = ManifestMCP(isEnabled: false, transport: nil, path: nil, tools: tools)
      return MCPFields(model: model, port: nil)
    }
    let model = ManifestMCP(
      isEnabled: fields["enabled"]?.flag() ?? true,
      transport: fields["transport"]?.choice(ManifestMCP.Transport.self, isStrict: false),
      path: fields["path"]?.text(longest: 2048),
      tools: (fields["tools"]?.toolNames() ?? []) + tools)
    let port = fields["port"]?.portNumber()
    fields.close()
    return MCPFields(model: model, port: port)
  }

  func healthchecks() -> [HealthCheck] {
    guard let all = root["healthchecks"]?.fields("healthchecks", "a mapping with `mcp` and `api`") else { return [] }
    let checks = [("mcp", HealthCheck.Port.mcp), ("api", .main)].compactMap { key, port -> HealthCheck? in
      guard let fields = all[key]?.fields("healthcheck", "a mapping with `path`, `timeout_s` and `interval_s`") else {
        return nil
      }
      defer { fields.close() }
      return HealthCheck(
        port: port, path: fields["path"]?.urlPath() ?? "/health",
        timeoutSeconds: fields["timeout_s"]?.seconds() ?? 60, intervalSeconds: fields["interval_s"]?.seconds() ?? 5)
    }
    all.close()
    return checks
  }

  func contract() -> [String] {
    let values = root["env_contract"]?.list("a list of the names of variables") ?? []
    var seen: Set<String> = []
    return values.compactMap { $0.environmentName() }.filter { seen.insert($0).inserted }
  }

  /// `integration` and `integrations`: a mapping or a list of some, under either name.
  func integrations() -> [ManifestIntegration] {
    ["integration", "integrations"].flatMap { key -> [ManifestIntegration] in
      guard let value = root[key] else { return [] }
      if case .sequence = value.node.content {
        return (value.list("a list") ?? []).compactMap { $0.integration() }
      }
      return value.integration().map { [$0] } ?? []
    }
  }
}

extension ManifestValue {
  /// The names of tools: a list of names or of mappings with `name`, or a mapping by names.
  fileprivate func toolNames() -> [String] {
    if case .mapping(let members) = node.content { return members.map(\.key) }
    return (list("a list of tools") ?? []).compactMap { tool in
      tool.isText ? tool.text() : tool.node.jsonValue["name"]?.stringValue
    }
  }

  /// What else an integration has is its provider's business.
  fileprivate func integration() -> ManifestIntegration? {
    if isText {
      return text().map {
        ManifestIntegration(
          provider: $0, credentialSource: nil, scopes: [], isRequired: false, details: node.jsonValue)
      }
    }
    guard let fields = fields("integration", "a mapping that describes an integration") else { return nil }
    let provider = fields["provider"]?.text(longest: 200)
    let destination = fields["destination"]?.text(longest: 200)
    var scopes: [String] = []
    if let value = fields["scopes"] {
      // One scope, or several with spaces between, as OAuth has them.
      scopes =
        value.isText ? (value.text() ?? "").split(separator: " ").map(String.init) : value.texts("a list of scopes")
    }
    return ManifestIntegration(
      provider: provider ?? destination,
      credentialSource: fields["credential_source"]?.choice(ManifestIntegration.CredentialSource.self, isStrict: false),
      scopes: scopes,
      isRequired: fields["required"]?.flag() ?? false, details: node.jsonValue)
  }
}
