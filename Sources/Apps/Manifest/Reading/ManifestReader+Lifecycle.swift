internal import Documents
internal import JSON

/// The three commands of an app, wherever they stand.
struct Commands {
  var setup: String?
  var start: String?
  var stop: String?

  var all: [String] { [setup, start, stop].compactMap { $0 } }
}

extension ManifestReader {
  func commands(_ services: [ManifestService]) -> Commands {
    let lifecycle = root["lifecycle"]?.fields("lifecycle", "a mapping with `setup`, `start` and `stop`")
    var commands = Commands()
    commands.setup = lifecycle?["setup"]?.command()
    commands.start = command(lifecycle?["start"], or: root["start"])
    commands.stop = command(lifecycle?["stop"], or: root["stop"])
    lifecycle?.close()
    if commands.start == nil { commands.start = Self.start(of: services) }
    if commands.start == nil {
      findings.warning(
        .missing, "there is no `lifecycle.start`, so the app cannot be started", ManifestPath().key("lifecycle"),
        root.top.keyPlace("lifecycle"))
    }
    return commands
  }

  /// A command that may stand in `lifecycle` or at the top.
  private func command(_ usual: ManifestValue?, or older: ManifestValue?) -> String? {
    let command = usual?.command()
    guard let older, let other = older.command() else { return command }
    guard let command else { return other }
    if command != other {
      older.warning(.conflict, "`\(older.path)` is not used, for there is `lifecycle.\(older.path)`, which differs")
    }
    return command
  }

  /// One command that runs all services, and ends with the last of them.
  private static func start(of services: [ManifestService]) -> String? {
    let commands = services.compactMap(\.start)
    if commands.count < 2 { return commands.first }
    // Each in lines of its own, so that a comment at its end hides nothing.
    return commands.map { "(\n\($0)\n) &\n" }.joined() + "wait"
  }

  /// `services` of older files: a mapping by name, or a list. What else they hold is kept and not looked at.
  func services() -> [ManifestService] {
    guard let value = root["services"] else { return [] }
    if case .sequence = value.node.content {
      return (value.list("a list") ?? []).enumerated().map { index, entry in
        let name = entry.node.jsonValue["name"]?.stringValue ?? "service\(index + 1)"
        return ManifestService(name: name, start: entry.serviceStart, details: entry.node.jsonValue)
      }
    }
    return (value.members("services by their names") ?? []).map { name, _, entry in
      ManifestService(name: name, start: entry.serviceStart, details: entry.node.jsonValue)
    }
  }

  func setup(_ commands: Commands) -> ManifestSetup {
    let setup = root.own("setup")
    var command = commands.setup
    var inputs: [String] = []
    var timeout: Double?
    if let setup, setup.isText {
      // A plain command at the top, as `start` may be one.
      command = command ?? setup.command()
    } else if let fields = setup?.fields("setup", "a mapping with `inputs` and `timeout_s`") {
      inputs = fields["inputs"]?.texts("a list of globs") ?? []
      timeout = fields["timeout_s"]?.seconds()
      fields.close()
    }
    return ManifestSetup(command: command, inputs: inputs, timeoutSeconds: timeout ?? 1800)
  }

  func start(_ commands: Commands, _ checks: [HealthCheck]) -> ManifestStart {
    let timeout = root.own("start_timeout_s")?.seconds() ?? checks.map(\.timeoutSeconds).max() ?? 60
    return ManifestStart(command: commands.start, timeoutSeconds: timeout)
  }

  func stop(_ commands: Commands) -> ManifestStop {
    ManifestStop(
      command: commands.stop, signal: root.own("stop_signal")?.signal() ?? .terminate,
      graceSeconds: root.own("stop_grace_s")?.number("a number of seconds", in: 0...3600) ?? 10)
  }
}

extension ManifestValue {
  /// A service is a command, or a mapping that has one.
  fileprivate var serviceStart: String? {
    guard case .mapping(let members) = node.content else { return isText ? command() : nil }
    for key in ["start", "command"] {
      guard let member = members.first(where: { $0.key == key }), !member.value.isNull else { continue }
      let value = ManifestValue(node: member.value, path: path.key(key), findings: findings)
      if value.isText { return value.command() }
    }
    return nil
  }

  /// A signal: `TERM`, `SIGTERM`, in any case, or its number.
  fileprivate func signal() -> ManifestSignal? {
    guard let text = text("the name of a signal") else { return nil }
    let name = text.uppercased()
    let match = ManifestSignal.all.first { $0.name == name || $0.name == "SIG\(name)" || String($0.number) == text }
    if let match { return match }
    let names = ManifestSignal.all.map(\.name)
    let likely = LikelyWord.find(for: name.hasPrefix("SIG") ? name : "SIG\(name)", among: names)
    error(.value, "`\(text)` is no signal that can ask an app to stop", suggestion: likely)
    return nil
  }
}
