internal import Documents

extension ManifestReader {
  /// `probes`. Where it has no `readiness`, the older `healthchecks` are it.
  func probes(_ checks: [HealthCheck]) -> ManifestProbes {
    let fields = root.own("probes")?.fields("probes", "a mapping with `startup`, `readiness` and `liveness`")
    let readiness = fields?["readiness"]
    let probes = ManifestProbes(
      startup: probes(fields?["startup"]), readiness: readiness.map(probes) ?? checks.map(probe),
      liveness: probes(fields?["liveness"]))
    fields?.close()
    return probes
  }

  private func probe(_ check: HealthCheck) -> ManifestProbe {
    let port = check.port == .mcp ? ports.port(for: "MCP_PORT") : ports.main
    let http = ManifestProbe.HTTP(
      port: port?.name ?? "http", path: SubstitutedText(literal: check.path),
      status: check.port == .mcp ? 200...200 : 200...399, bodyContains: nil)
    return ManifestProbe(
      check: .http(http), intervalSeconds: check.intervalSeconds, timeoutSeconds: 5, failureThreshold: 3,
      successThreshold: 1, initialDelaySeconds: 0)
  }

  /// One probe, or a list of probes that must all succeed.
  private func probes(_ value: ManifestValue?) -> [ManifestProbe] {
    guard let value else { return [] }
    if case .sequence = value.node.content { return (value.list("a list") ?? []).compactMap(probe) }
    return probe(value).map { [$0] } ?? []
  }

  private func probe(_ value: ManifestValue) -> ManifestProbe? {
    guard let fields = value.fields("probe", "a mapping that describes a probe, or a list of some") else { return nil }
    let kinds = ["http", "tcp", "exec", "log", "notify"]
    let given = kinds.filter { fields[$0] != nil }
    let check = given.first.flatMap { self.check($0, fields) }
    if given.isEmpty { value.error(.missing, "a probe needs one of `http`, `tcp`, `exec`, `log`, `notify`") }
    if given.count > 1 {
      let list = given.map { "`\($0)`" }.joined(separator: ", ")
      value.error(.conflict, "a probe asks in one way, and this one has \(list); make it a list of probes")
    }
    let interval = fields["interval_s"]?.seconds() ?? 5
    let timeout = fields["timeout_s"]?.seconds() ?? 5
    let failures = fields["failure_threshold"]?.integer("a number of tries", in: 1...1000) ?? 3
    let successes = fields["success_threshold"]?.integer("a number of tries", in: 1...1000) ?? 1
    let delay = fields["initial_delay_s"]?.seconds(least: 0) ?? 0
    fields.close()
    guard let check else { return nil }
    return ManifestProbe(
      check: check, intervalSeconds: interval, timeoutSeconds: timeout, failureThreshold: failures,
      successThreshold: successes, initialDelaySeconds: delay)
  }

  private func check(_ kind: String, _ probe: ManifestFields) -> ManifestProbe.Check? {
    guard let value = probe[kind] else { return nil }
    switch kind {
    case "http": return http(value)
    case "tcp":
      if value.isText { return port(value).map { .tcp(port: $0) } }
      guard let fields = value.fields("probe_tcp", "the name of a port") else { return nil }
      defer { fields.close() }
      return port(fields["port"], of: fields).map { .tcp(port: $0) }
    case "exec":
      return command(value, "probe_exec", "command").map { .exec(command: $0) }
    case "log":
      return command(value, "probe_log", "pattern").map { .log(LogPattern($0)) }
    default:
      guard let isWanted = value.flag() else { return nil }
      if !isWanted { value.error(.value, "`notify` is `true` or is left out") }
      return isWanted ? .notify : nil
    }
  }

  /// A text, or a mapping that holds it.
  private func command(_ value: ManifestValue, _ section: String, _ key: String) -> String? {
    var text = value
    if !value.isText {
      guard let fields = value.fields(section, "text, or a mapping with `\(key)`") else { return nil }
      defer { fields.close() }
      guard let member = fields[key] else {
        fields.missing(key, "`\(key)` is missing")
        return nil
      }
      text = member
    }
    guard let command = text.text() else { return nil }
    if command.isEmpty { text.error(.value, "expected text, found none") }
    return command.isEmpty ? nil : command
  }

  private func http(_ value: ManifestValue) -> ManifestProbe.Check? {
    if value.isText {
      guard let path = substituted(value, value.urlPath()), let port = ports.main?.name else { return nil }
      return .http(ManifestProbe.HTTP(port: port, path: path, status: 200...399, bodyContains: nil))
    }
    guard let fields = value.fields("probe_http", "a path, or a mapping with `port` and `path`") else { return nil }
    defer { fields.close() }
    let port = port(fields["port"], of: fields)
    var path: SubstitutedText? = SubstitutedText(literal: "/")
    if let value = fields["path"] { path = substituted(value, value.urlPath()) }
    let status = fields["status"].map { $0.statusRange() } ?? 200...399
    let body = fields["body_contains"]?.text(longest: 4096)
    guard let port, let path, let status else { return nil }
    return .http(ManifestProbe.HTTP(port: port, path: path, status: status, bodyContains: body))
  }

  private func port(_ value: ManifestValue?, of fields: ManifestFields) -> String? {
    if let value { return port(value) }
    if let main = ports.main { return main.name }
    fields.missing("port", "`port` is missing, and the app has no port")
    return nil
  }

  /// A port by its name, or by its number where it has a fixed one.
  private func port(_ value: ManifestValue) -> String? {
    guard let text = value.text("the name of a port") else { return nil }
    if let port = ports.port(named: text) { return port.name }
    if let number = Int(text), let port = ports.ports.first(where: { $0.number == .fixed(number) }) { return port.name }
    let names = ports.ports.map(\.name)
    let list = names.isEmpty ? "it has none" : "it has \(names.map { "`\($0)`" }.joined(separator: ", "))"
    value.error(
      .unknownName, "the app has no port `\(text)`; \(list)", suggestion: LikelyWord.find(for: text, among: names))
    return nil
  }
}

extension ManifestValue {
  /// `200`, or `200-399`.
  fileprivate func statusRange() -> ClosedRange<Int>? {
    let ends = scalar?.text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) } ?? []
    guard let low = ends.first ?? nil, let high = ends.last ?? nil, ends.count <= 2, low <= high, low >= 100,
      high <= 599
    else {
      expected("a status code from 100 to 599, or a range such as `200-399`")
      return nil
    }
    return low...high
  }
}
