import BerthProtocol
import JSON

/// From the hello to the first prompt.
extension ACPRun {
  // MARK: Answers

  func take(_ result: JSONObject, of question: ACPConnection.Question, in changes: inout RunChanges) {
    switch question {
    case .initialize: takeGreeting(result, in: &changes)
    case .authenticate: openSession(in: &changes)
    case .new:
      guard let id = result["sessionId"]?.stringValue else {
        failure = ACPFailure(.protocolError, "The agent opened a session without saying its `sessionId`.")
        return
      }
      takeSession(id, result, in: &changes)
    case .load, .resume: takeSession(connection.session ?? "", result, in: &changes)
    case .mode(let id):
      changes.session.take(mode: id)
      changes.session.session.version += 1
    case .option: changes.session.take(result, &connection)
    case .prompt: takeEnd(result, in: &changes)
    }
  }

  func take(_ error: ACPError, of question: ACPConnection.Question, in changes: inout RunChanges) {
    let name = run.agent.name
    switch question {
    case .initialize:
      failure = ACPFailure(.agentError, "`\(name)` refused to be initialized: \(error.message)")
    case .authenticate:
      failure = authenticationRequired("`\(name)` refused the login: \(error.message)")
    case .new, .load, .resume:
      if error.wantsLogin {
        failure = authenticationRequired("`\(name)` wants a login: \(error.message)")
      } else if question == .new {
        failure = ACPFailure(.agentError, "`\(name)` could not open a session: \(error.message)")
      } else {
        changes.log(.warning, "`\(name)` could not find its session again: \(error.message)")
        connection.session = nil
        openSession(in: &changes, canLoad: question == .resume, canResume: false)
      }
    case .mode(let id): failure = ACPFailure(.agentError, "`\(name)` refused the mode `\(id)`: \(error.message)")
    case .option(let id): failure = ACPFailure(.agentError, "`\(name)` refused the option `\(id)`: \(error.message)")
    case .prompt:
      turn.isPrompted = false
      if turn.isToldToEnd {
        // Some tell so that they were cancelled.
        takeEnd(["stopReason": "cancelled"], in: &changes)
      } else if error.wantsLogin {
        failure = authenticationRequired("`\(name)` wants a login: \(error.message)")
      } else {
        failure = ACPFailure(.agentError, "`\(name)` answered with an error: \(error.message)")
      }
    }
  }

  private func authenticationRequired(_ words: String) -> ACPFailure {
    let methods = ACPPrograms.words(forMethods: connection.authMethods)
    return ACPFailure(
      .authenticationRequired,
      "\(words) Log in with its own program, or name one of its ways as `authMethod`. \(methods)")
  }

  // MARK: Steps

  private func takeGreeting(_ result: JSONObject, in changes: inout RunChanges) {
    guard result["protocolVersion"]?.intValue == 1 else {
      let version = result["protocolVersion"]?.jsonString ?? "none"
      failure = ACPFailure(
        .unsupportedVersion,
        "`\(run.agent.name)` speaks version \(version) of the Agent Client Protocol, and this server version 1. Use a version of the agent that speaks it."
      )
      return
    }
    connection.capabilities = result["agentCapabilities"]?.objectValue ?? [:]
    connection.authMethods = result["authMethods"]?.arrayValue ?? []
    guard let method = run.agent.config.authMethod else { return openSession(in: &changes) }
    let known = connection.authMethods.compactMap { $0["id"]?.stringValue }
    guard known.isEmpty || known.contains(method) else {
      failure = authenticationRequired("`\(run.agent.name)` knows no login `\(method)`.")
      return
    }
    connection.phase = .authenticating
    connection.ask(.authenticate, "authenticate", ["methodId": .string(method)])
  }

  private func openSession(in changes: inout RunChanges, canLoad: Bool = true, canResume: Bool = true) {
    connection.phase = .opening
    var params: JSONObject = [
      "cwd": .string(run.directory),
      "mcpServers": .array((run.agent.config.mcpServers ?? []).map { .object($0) }),
    ]
    guard let known = changes.session.session.agentSession else {
      connection.ask(.new, "session/new", params)
      return
    }
    let capabilities = connection.capabilities
    if canResume, capabilities["sessionCapabilities"]?["resume"]?.objectValue != nil {
      connection.session = known
      params["sessionId"] = .string(known)
      connection.ask(.resume, "session/resume", params)
    } else if canLoad, capabilities["loadSession"]?.boolValue == true {
      connection.session = known
      params["sessionId"] = .string(known)
      connection.ask(.load, "session/load", params)
    } else {
      changes.log(
        .warning,
        "The agent's program was started anew, and it can't take up its session: it does not know what was said before."
      )
      connection.ask(.new, "session/new", params)
    }
  }

  private func takeSession(_ id: String, _ result: JSONObject, in changes: inout RunChanges) {
    connection.session = id
    connection.phase = .ready
    if changes.session.session.agentSession != id {
      changes.session.session.agentSession = id
      changes.session.session.version += 1
    }
    changes.session.take(result, &connection)
    stop(.start)
  }

  // MARK: Settings

  /// Asks for the next of the run's mode and options. - Returns: false where all are as they are to be.
  func configure() throws -> Bool {
    let options = run.record.options
    let session = run.session.session
    guard let id = connection.session else { return false }
    func value(_ option: String) -> String? { session.options?.first { $0.id == option }?.value }

    var wanted = options.options
    if let mode = options.mode {
      if connection.hasModes || value(SessionRecord.modeOption) == nil {
        if session.mode != mode, askedSettings.insert("mode").inserted {
          try change { _ in
            connection.ask(.mode(mode), "session/set_mode", ["sessionId": .string(id), "modeId": .string(mode)])
          }
          return true
        }
      } else {
        wanted[SessionRecord.modeOption] = mode
      }
    }
    for (option, wish) in wanted.sorted(by: { $0.key < $1.key })
    where value(option) != wish && askedSettings.insert("option \(option)").inserted {
      var params: JSONObject = ["sessionId": .string(id), "configId": .string(option)]
      if connection.booleans.contains(option) {
        params["type"] = "boolean"
        params["value"] = .bool(wish == "true")
      } else {
        params["value"] = .string(wish)
      }
      try change { _ in connection.ask(.option(option), "session/set_config_option", params) }
      return true
    }
    return false
  }
}

extension ACPError {
  /// The code that the protocol has for a login that is missing.
  var wantsLogin: Bool { code == -32000 }
}
