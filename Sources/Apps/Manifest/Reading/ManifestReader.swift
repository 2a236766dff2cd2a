internal import Documents
internal import JSON

/// Reads a document into a manifest.
struct ManifestReader {
  /// Fields that stand at the top only, as they have always done.
  static let topOnly: Set<String> = [
    "app_id", "name", "slug", "lifecycle", "start", "stop", "mcp", "healthchecks", "env_contract", "integration",
    "integrations", "data_schema", "services", "triggers", "tools",
  ]

  let root: RootFields
  let findings: Findings
  let source: SourceText
  var ports = PortTable()

  /// - Returns: nil where there are errors.
  static func read(_ document: Document, _ findings: Findings) -> Manifest? {
    for fault in document.faults {
      findings.error(.init(fault.code), fault.message, ManifestPath(), fault.place)
    }
    guard let node = document.root, !node.isNull else {
      if document.faults.isEmpty {
        findings.error(.missing, "the manifest is empty; it needs at least `app_id`", ManifestPath(), .start)
      }
      return nil
    }
    let value = ManifestValue(node: node, path: ManifestPath(), findings: findings)
    if let place = ComposeFile.recognize(node) {
      findings.error(.composeFile, ComposeFile.message, ManifestPath(), place)
      return nil
    }
    guard let top = value.fields("root", "a mapping with the fields of a manifest") else { return nil }
    var reader = ManifestReader(root: RootFields(top), findings: findings, source: document.source)
    let manifest = reader.manifest()
    reader.root.close()
    return findings.hasErrors ? nil : manifest
  }

  private mutating func manifest() -> Manifest? {
    _ = root["$schema"]
    let id = appID()
    let mcp = mcp()
    let services = services()
    let commands = commands(services)
    let checks = healthchecks()
    ports = readPorts(mcp: mcp, checks: checks, commands: commands)
    let environment = environment()
    let manifest = Manifest(
      id: id ?? "", name: root["name"]?.text(longest: 200) ?? id ?? "", slug: root["slug"]?.text(longest: 200),
      description: root.own("description")?.text(), setup: setup(commands), start: start(commands, checks),
      stop: stop(commands), ports: ports.ports, dependencies: dependencies(of: id), restart: restart(),
      probes: probes(checks), limits: limits(),
      nice: root.own("nice")?.integer("a priority", in: -20...19) ?? 0, environment: environment,
      contract: contract(), secrets: secrets(environment), mcp: mcp?.model, integrations: integrations(),
      services: services, dataSchema: root["data_schema"]?.node.jsonValue, triggers: root["triggers"]?.node.jsonValue)
    return id == nil ? nil : manifest
  }

  private func appID() -> String? {
    guard let value = root["app_id"] else {
      root.top.missing("app_id", "`app_id` is missing: one word that names the app")
      return nil
    }
    guard let id = value.text(longest: 128) else { return nil }
    let isFit = id.utf8.allSatisfy { $0.isWordByte || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
    guard isFit, let first = id.utf8.first, first.isWordByte else {
      value.error(
        .value,
        "expected one word of letters, digits, `-`, `_` and `.` that begins with a letter, a digit or `_`, "
          + "found \(value.found)")
      return nil
    }
    return id
  }
}

extension ManifestFinding.Code {
  fileprivate init(_ code: DocumentFault.Code) {
    self =
      switch code {
      case .syntax: .syntax
      case .duplicateKey: .duplicateKey
      case .limit: .limit
      case .unsupported: .unsupported
      }
  }
}
