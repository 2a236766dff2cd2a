import ArgumentParser
import BerthProtocol

extension ConnectionStatus: ExpressibleByArgument {
  var look: Style.Look {
    switch self {
    case .pending: .dim
    case .connecting: .cyan
    case .connected: .green
    case .failed: .red
    case .disconnected: .dim
    }
  }
}

extension ConnectionStep {
  /// For people.
  var words: String {
    switch self {
    case .connect: "log in"
    case .probe: "look at the machine"
    case .plan: "plan"
    case .installRuntime: "install the runtime"
    case .installServer: "install the server"
    case .verify: "verify"
    case .removeServer: "remove the server"
    case .removeRuntime: "remove the runtime"
    case .record: "record"
    }
  }
}

extension ConnectionPart {
  /// `python-3.13 3.13.1`.
  var label: String { [name, installedVersion ?? foundVersion].compactMap(\.self).joined(separator: " ") }
}

extension ConnectionChanges {
  /// What was brought onto the machine, in a few words; nil where that is nothing.
  var words: String? {
    let counts = [(packages.count, "package"), (paths.count, "path"), (users.count, "user"), (groups.count, "group")]
    let words = counts.filter { $0.0 > 0 }.map { Humanize.count($0.0, $0.1) }
    return words.isEmpty ? nil : words.joined(separator: ", ")
  }
}

extension ResourceConnection {
  var parts: [ConnectionPart] {
    [connectionDetails.runtime, connectionDetails.server].compactMap(\.self)
  }

  /// What is there: `python-3.13 3.13.1, gunicorn 23.0`.
  var versions: String {
    parts.filter { $0.installedVersion != nil || $0.foundVersion != nil }.map(\.label).joined(separator: ", ")
  }

  /// Where it stands, or what is being done.
  var state: String {
    switch activity {
    case .disconnect?: "disconnecting"
    case .update?: "updating"
    default: status.rawValue
    }
  }

  /// The same, with the step.
  var standing: String {
    let step = activity != nil ? step : status == .failed ? error?.step ?? step : nil
    return step.map { "\(state) (\($0.words))" } ?? state
  }

  /// Why it failed, and at which step.
  var why: String? {
    errorMessage.map { message in (error?.step).map { "\($0.words): \(message)" } ?? message }
  }

  /// `Python 3.13 → web1: connected`.
  var line: String { "\(sourceName) → \(targetName): \(standing), \(id)" }

  /// How work on it has ended well.
  ///
  /// - Parameter wasThere: Whether nothing had to be done.
  func outcome(wasThere: Bool) -> String {
    guard status == .connected else { return status.rawValue }
    let words = wasThere ? "connected already" : "connected"
    return versions.isEmpty ? words : "\(words): \(versions)"
  }
}

extension Context {
  /// Prints all that is known of a connection.
  func print(_ connection: ResourceConnection) {
    var details = Details()
    details.add("connection", connection.id, .bold)
    details.add(
      connection.sourceResourceType.rawValue, "\(connection.sourceName), \(connection.sourceResourceId)")
    details.add(connection.targetResourceType.rawValue, "\(connection.targetName), \(connection.targetResourceId)")
    details.add(
      "status", output.isTerminal ? connection.standing : connection.status.rawValue, connection.status.look)
    details.add("activity", connection.activity?.rawValue)
    details.add("step", output.isTerminal ? nil : connection.step?.rawValue)
    details.add("job", connection.job)
    if let error = connection.error {
      details.add("error", error.type, .red)
      details.add("because", error.message, .red)
      details.add("exit code", error.exitCode.map { "\($0)" })
      for line in error.lastLines ?? [] { details.add("wrote", line, .dim) }
    } else {
      details.add("because", connection.errorMessage, .red)
    }
    details.add("system", connection.connectionDetails.os)
    for part in connection.parts { details.add(part) }
    for kept in connection.connectionDetails.kept ?? [] { details.add("kept", kept, .yellow) }
    details.add("stream", connection.connectionDetails.stream)
    details.add("exit code", connection.connectionDetails.exitCode.map { "\($0)" })
    details.add("version", "\(connection.version)")
    details.add("created", time(connection.createdAt))
    details.add("changed", time(connection.updatedAt))
    output.print(details)
  }
}

extension Details {
  fileprivate mutating func add(_ part: ConnectionPart) {
    add("installed", part.label, .green)
    add("by", part.provider)
    add("was there", part.foundVersion)
    let changes = part.changes
    add("packages", changes.packages.isEmpty ? nil : changes.packages.joined(separator: " "))
    for path in changes.paths { add("path", path) }
    for user in changes.users { add("user", user) }
    for group in changes.groups { add("group", group) }
  }
}
