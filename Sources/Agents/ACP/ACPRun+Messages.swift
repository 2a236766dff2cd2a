import BerthProtocol
import JSON
import Storage

extension ACPRun {
  // MARK: What the agent says

  func take(_ message: ACPMessage, in changes: inout RunChanges) {
    switch message {
    case .request(let id, let method, let params): take(request: method, id, params, in: &changes)
    case .notification("session/update", let params): take(update: params, in: &changes)
    case .notification("$/cancel_request", let params): takeBack(params["requestId"] ?? .null, in: &changes)
    case .notification(let method, let params):
      // Those that begin so are nobody's loss.
      if method.hasPrefix("$/") { return }
      changes.add(EventType.agentUpdate) {
        AgentUpdate(seq: $0, update: ["method": .string(method), "params": .object(params)])
      }
    case .result(let id, let result):
      guard let question = question(id, in: &changes) else { return }
      take(result, of: question, in: &changes)
    case .failure(let id, let error):
      guard let question = question(id, in: &changes) else { return }
      take(error, of: question, in: &changes)
    }
  }

  private func question(_ id: JSONValue, in changes: inout RunChanges) -> ACPConnection.Question? {
    if let number = id.intValue, let question = connection.takeQuestion(number) { return question }
    changes.log(.warning, "The agent answered a question that was not open: \(id.jsonString.prefix(200)).")
    return nil
  }

  private func take(update params: JSONObject, in changes: inout RunChanges) {
    guard let update = params["update"]?.objectValue else {
      return changes.log(.warning, "The agent sent an update without content.")
    }
    if let session = connection.session, let other = params["sessionId"]?.stringValue, other != session {
      // One of its own, beside ours.
      return changes.add(EventType.agentUpdate) {
        AgentUpdate(seq: $0, update: ["method": "session/update", "params": .object(params)])
      }
    }
    // What is told again while a session is loaded is known.
    if connection.id(of: .load) != nil { return }
    if let change = updates.add(update, to: &changes) { changes.session.take(change, &connection) }
  }

  /// The agent takes a question back.
  private func takeBack(_ id: JSONValue, in changes: inout RunChanges) {
    guard let index = connection.asked.firstIndex(where: { $0.id == id }) else { return }
    let asked = connection.asked.remove(at: index)
    connection.refuse(id, .cancelled)
    if asked.kind == .permission { afterwards.append(.takeBack(permission: asked.reference)) }
  }

  // MARK: What the agent asks

  private func take(request method: String, _ id: JSONValue, _ params: JSONObject, in changes: inout RunChanges) {
    do throws(ACPError) {
      switch method {
      case "session/request_permission": try askPermission(id, params, in: &changes)
      case "fs/read_text_file": connection.answer(id, try files.read(params))
      case "fs/write_text_file": connection.answer(id, try files.write(params, in: &changes))
      case "terminal/create": try createTerminal(id, params)
      case "terminal/output": connection.answer(id, try showTerminal(params))
      case "terminal/wait_for_exit": try awaitTerminal(id, params)
      case "terminal/kill": connection.answer(id, try endTerminal(params, releases: false))
      case "terminal/release": connection.answer(id, try endTerminal(params, releases: true))
      default: throw ACPError(code: -32601, message: "There is no method `\(method)`.")
      }
    } catch {
      connection.refuse(id, error)
    }
  }

  // MARK: Permissions

  private func askPermission(_ id: JSONValue, _ params: JSONObject, in changes: inout RunChanges) throws(ACPError) {
    let options = (params["options"]?.arrayValue ?? []).compactMap { option -> PermissionOption? in
      guard let id = option["optionId"]?.stringValue else { return nil }
      // What an unknown kind means nobody knows: it is never chosen as a yes.
      let kind = option["kind"]?.stringValue.flatMap { PermissionKind(rawValue: $0) } ?? .rejectOnce
      return PermissionOption(id: id, name: option["name"]?.stringValue ?? id, kind: kind)
    }
    guard !options.isEmpty else { throw .invalidParams("`options` must hold an option.") }
    guard stop == nil, ending == nil, !turn.isToldToEnd else {
      return connection.answer(id, Self.outcome(nil))
    }
    let tool = params["toolCall"]?.objectValue.flatMap { ACPTool($0) }
    updates.endMessage(in: &changes)
    let permission = changes.ask(
      tool?.title ?? "The agent asks for permission.", options: options, toolCall: tool?.object)
    if permission.state == .open {
      connection.asked.append(.init(id: id, kind: .permission, reference: permission.id))
    } else {
      connection.answer(id, Self.outcome(permission))
    }
  }

  private static func outcome(_ permission: Permission?) -> JSONObject {
    guard let option = permission?.option else { return ["outcome": ["outcome": "cancelled"]] }
    return ["outcome": ["outcome": "selected", "optionId": .string(option)]]
  }

  /// Somebody has answered a question.
  func answer(_ permission: Permission) throws {
    guard let index = connection.asked.firstIndex(where: { $0.kind == .permission && $0.reference == permission.id })
    else { return }
    try change { _ in
      let asked = connection.asked.remove(at: index)
      connection.answer(asked.id, Self.outcome(permission))
    }
  }

  /// After a takeover: answers what was answered in between, and dismisses what nobody waits for.
  func settlePermissions() throws {
    let open = Set(run.openPermissions.map(\.id))
    let waiting = connection.asked.filter { $0.kind == .permission }.map(\.reference)
    for id in waiting where !open.contains(id) {
      let kept = try run.services.database.read { db in try Permission.find(id, in: db) }
      if let kept { try answer(kept) }
    }
    for id in open where !waiting.contains(id) { _ = try run.resolve(id, nil, by: .agent) }
  }

  /// Answers all questions with nothing: the turn is over, or is to be.
  func dismissPermissions(by resolver: PermissionResolver) throws {
    let waiting = connection.asked.filter { $0.kind == .permission }
    guard !waiting.isEmpty else { return }
    for asked in waiting { _ = try run.resolve(asked.reference, nil, by: resolver) }
    try change { _ in
      for asked in waiting { connection.answer(asked.id, Self.outcome(nil)) }
      connection.asked.removeAll { $0.kind == .permission }
    }
  }
}
