internal import Documents

/// A port as the file has it, before it is known which one is the main one.
private struct PortEntry {
  var name: String
  var number: ManifestPort.Number = .any
  var scheme: ManifestPort.Scheme = .http
  var path: SubstitutedText?
  var variable: String?
  var value: ManifestValue?
  var isDeclared = true
}

extension ManifestReader {
  /// The ports that the file names, and those that its older fields speak of.
  func readPorts(mcp: MCPFields?, checks: [HealthCheck], commands: Commands) -> PortTable {
    let own = root.own("ports")
    var entries = own.map(declaredPorts) ?? []
    let names = root["env_contract"]?.node.texts ?? []
    let speaksOfMCP = names.contains("MCP_PORT") || commands.all.contains { $0.contains("MCP_PORT") }
    let needsMCP = mcp?.model.isEnabled == true || checks.contains { $0.port == .mcp }
    if own == nil || (checks.contains { $0.port == .main } && !entries.contains { $0.name != "mcp" }) {
      if !entries.contains(where: { $0.name == "http" || $0.variable == "PORT" }) {
        entries.append(PortEntry(name: "http", isDeclared: false))
      }
    }
    if let index = entries.firstIndex(where: { $0.name == "mcp" || $0.variable == "MCP_PORT" }) {
      if entries[index].number == .any, let wish = mcp?.port { entries[index].number = .preferred(wish) }
    } else if needsMCP || speaksOfMCP {
      let number = mcp?.port.map(ManifestPort.Number.preferred) ?? .any
      entries.append(PortEntry(name: "mcp", number: number, isDeclared: false))
    }
    return table(of: entries)
  }

  private func table(of entries: [PortEntry]) -> PortTable {
    let main =
      entries.firstIndex { $0.variable == "PORT" } ?? entries.firstIndex { $0.name == "http" }
      ?? entries.firstIndex { $0.name != "mcp" && $0.variable != "MCP_PORT" }
    var owners: [String: String] = [:]
    var numbers: [Int: String] = [:]
    var ports: [ManifestPort] = []
    for (index, entry) in entries.enumerated() {
      var names = entry.variable.map { [$0] } ?? []
      if index == main && entry.variable != "PORT" { names.append("PORT") }
      let own = entry.name.uppercased().replacing("-", with: "_") + "_PORT"
      if !names.contains(own) { names.append(own) }
      for name in names {
        if let other = owners.updateValue(entry.name, forKey: name) {
          entry.value?.error(.conflict, "`\(name)` is the number of the port `\(other)` already")
        }
      }
      if case .fixed(let number) = entry.number, let other = numbers.updateValue(entry.name, forKey: number) {
        entry.value?.error(.conflict, "the port `\(other)` has the number \(number) already")
      }
      ports.append(
        ManifestPort(
          name: entry.name, number: entry.number, scheme: entry.scheme, path: entry.path, environmentNames: names,
          isDeclared: entry.isDeclared))
    }
    return PortTable(ports)
  }

  private static let mostPorts = 64

  private func declaredPorts(_ value: ManifestValue) -> [PortEntry] {
    var entries: [PortEntry] = []
    func add(_ entry: PortEntry?, _ key: ManifestValue) {
      guard var entry, key.isPortName(entry.name) else { return }
      guard entries.count < Self.mostPorts else {
        if entries.count == Self.mostPorts { key.error(.limit, "an app has at most \(Self.mostPorts) ports") }
        return
      }
      if entries.contains(where: { $0.name == entry.name }) {
        return key.error(.conflict, "the port `\(entry.name)` is given twice")
      }
      entry.value = key
      entries.append(entry)
    }
    if case .sequence = value.node.content {
      for element in value.list("a list") ?? [] {
        add(element.text("the name of a port").map { PortEntry(name: $0) }, element)
      }
    } else {
      for (name, key, port) in value.members("ports by their names, or a list of names") ?? [] {
        add(entry(name, port), key)
      }
    }
    return entries
  }

  /// `3000`, nothing, or a mapping.
  private func entry(_ name: String, _ value: ManifestValue) -> PortEntry? {
    if value.node.isNull { return PortEntry(name: name) }
    if value.isText { return value.portNumber().map { PortEntry(name: name, number: .fixed($0)) } }
    guard let fields = value.fields("port", "the number of a port, or a mapping that describes it") else { return nil }
    var entry = PortEntry(name: name)
    let number = fields["port"]?.portNumber()
    let fixed = fields["fixed"]
    let isFixed = fixed?.flag()
    if let number { entry.number = isFixed == false ? .preferred(number) : .fixed(number) }
    if isFixed == true && fields["port"] == nil { fixed?.error(.missing, "a fixed port needs its number in `port`") }
    entry.variable = fields["env"]?.environmentName()
    entry.scheme = fields["protocol"]?.choice(ManifestPort.Scheme.self) ?? .http
    if let path = fields["path"] {
      entry.path = substituted(path, path.urlPath())
      if entry.scheme == .tcp { path.error(.conflict, "only a port with protocol `http` has a path") }
    }
    fields.close()
    return entry
  }
}

extension ManifestValue {
  func portNumber() -> Int? { integer("the number of a port", in: 1...65_535) }

  /// A path that begins with a slash and holds no space or control character.
  func urlPath() -> String? {
    guard let path = text("a path", longest: 2048) else { return nil }
    guard path.hasPrefix("/") || path.hasPrefix("${") else {
      error(.value, "expected a path that begins with `/`, found \(found)", suggestion: path.isEmpty ? nil : "/\(path)")
      return nil
    }
    guard !path.utf8.contains(where: { $0 <= 0x20 && !path.hasPrefix("${") || $0 == 0x7F }) else {
      error(.value, "a path cannot hold spaces or control characters; write them as `%20` and the like")
      return nil
    }
    return path
  }

  fileprivate func isPortName(_ name: String) -> Bool {
    let isFit = name.utf8.allSatisfy { $0.isWordByte || $0 == UInt8(ascii: "-") }
    guard isFit, let first = name.utf8.first, (0x61...0x7A).contains(first | 0x20), name.utf8.count <= 32 else {
      error(.value, "expected a port's name of letters, digits, `-` and `_` that begins with a letter, found \(found)")
      return false
    }
    return true
  }
}

extension DocumentNode {
  /// The texts of a list.
  fileprivate var texts: [String] {
    guard case .sequence(let nodes) = content else { return [] }
    return nodes.compactMap { node in
      guard case .scalar(let scalar) = node.content else { return nil }
      return scalar.text
    }
  }
}
