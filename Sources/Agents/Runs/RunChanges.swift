import BerthProtocol
import GRDB
import JSON
import Platform
import Storage
import Streams

/// What is to be written of a run in one step: events, and what the run, its session and its driver have become.
struct RunChanges: Sendable {
  var record: RunRecord
  var session: SessionRecord
  private(set) var events: [NewJournalEvent] = []
  /// The questions that were asked or answered.
  private(set) var permissions: [Permission] = []
  /// The call that this comes of, so that a repetition changes nothing.
  var idempotency: Idempotency.Call?
  /// Messages of a model's conversation, to be put behind those that there are.
  private(set) var messages: [JSONValue] = []

  init(_ record: RunRecord, _ session: SessionRecord) {
    self.record = record
    self.session = session
  }

  /// The number that the next event gets.
  var nextSeq: Int { record.lastSeq + 1 }

  // MARK: Events

  /// - Parameter payload: Makes the payload, given the event's number.
  mutating func add(_ type: String, _ payload: (_ seq: Int) -> some JSONEncodable) {
    let seq = nextSeq
    record.lastSeq = seq
    events.append(NewJournalEvent(type: type, payload: payload(seq)))
  }

  /// The same for what is many: the members behind `seq` are written as they are.
  ///
  /// - Parameter members: JSON text of members, such as `"text":"…"`.
  mutating func add(_ type: String, members: (inout [UInt8]) -> Void) {
    let seq = nextSeq
    record.lastSeq = seq
    var bytes: [UInt8] = []
    bytes.reserveCapacity(96)
    bytes += "{\"seq\":".utf8
    bytes += String(seq).utf8
    bytes.append(UInt8(ascii: ","))
    members(&bytes)
    bytes.append(UInt8(ascii: "}"))
    events.append(NewJournalEvent(type: type, payload: bytes))
  }

  mutating func log(_ level: RunLogLevel, _ message: String, retryInMs: Int? = nil) {
    add(EventType.log) { RunLog(seq: $0, level: level, message: message, retryInMs: retryInMs) }
  }

  /// Tells where the run stands now.
  mutating func become(_ state: RunState, detail: String? = nil) {
    guard record.run.state != state else { return }
    record.run.state = state
    if state != .queued { record.run.place = nil }
    if record.run.startedAt == nil, state != .queued { record.run.startedAt = Timestamp.now() }
    add(EventType.runState) { RunStateChange(seq: $0, state: state, detail: detail) }
  }

  /// Tells what the run has used in all.
  mutating func use(_ usage: RunUsage) {
    record.run.usage = usage
    add(EventType.usage) { UsageReport(seq: $0, usage: usage) }
  }

  // MARK: Turns

  /// Takes the next turn, whose prompt becomes a message of the user's. Nil where there is none.
  mutating func beginTurn() -> RunRecord.Turn? {
    guard !record.turns.isEmpty else { return nil }
    let turn = record.turns.removeFirst()
    add(EventType.message) { RunMessage(seq: $0, role: .user, content: turn.prompt.withoutData) }
    return turn
  }

  /// Puts messages behind a model's conversation.
  mutating func converse(_ messages: [JSONValue]) {
    self.messages += messages
  }

  // MARK: Permissions

  /// Asks, as the run's policy says: what it does not leave open is answered when this returns.
  mutating func ask(_ title: String, options: [PermissionOption], toolCall: JSONObject? = nil) -> Permission {
    let now = Timestamp.nanosecondsNow()
    let deadline = now + Int64(min(record.options.permissionSeconds, 1e9) * 1e9)
    var permission = Permission(
      id: Identifier.make("prm"), run: record.run.id, session: record.run.session, state: .open, title: title,
      options: options, toolCall: toolCall, deadlineAt: Timestamp.string(nanosecondsSince1970: deadline),
      createdAt: Timestamp.string(nanosecondsSince1970: now))
    if record.run.permissions != .ask { permission.deadlineAt = nil }
    let asked = permission
    add(EventType.permissionRequested) { PermissionEvent(seq: $0, permission: asked) }
    switch record.run.permissions {
    case .ask:
      permissions.append(permission)
      if record.run.permission == nil { record.run.permission = permission }
      become(.waiting, detail: title)
    case .allow: resolve(&permission, options.first(.allowOnce, else: .allowAlways), by: .policy)
    case .deny: resolve(&permission, options.first(.rejectOnce, else: .rejectAlways), by: .policy)
    }
    return permission
  }

  /// Answers a question.
  mutating func resolve(_ permission: inout Permission, _ option: PermissionOption?, by: PermissionResolver) {
    permission.state = .resolved
    permission.option = option?.id
    permission.by = by
    permission.resolvedAt = Timestamp.now()
    let resolved = permission
    permissions.append(resolved)
    add(EventType.permissionResolved) { PermissionEvent(seq: $0, permission: resolved) }
  }

  /// Goes on after questions were answered.
  ///
  /// - Parameter rest: Those that are still open, the oldest first.
  mutating func goOn(openPermissions rest: [Permission]) {
    record.run.permission = rest.first
    if rest.isEmpty, record.run.state == .waiting { become(.running) }
  }
}

extension [PermissionOption] {
  func first(_ kind: PermissionKind, else other: PermissionKind) -> PermissionOption? {
    first { $0.kind == kind } ?? first { $0.kind == other }
  }
}

extension [ContentBlock] {
  /// The same, but for pictures and the like, which are told by their type and size only.
  var withoutData: [ContentBlock] {
    map { block in
      guard let data = block.data else { return block }
      var block = block
      block.data = nil
      block.text = block.text ?? "\(data.utf8.count / 4 * 3) bytes"
      return block
    }
  }

  /// The words of it.
  var words: String {
    compactMap { $0.type == .text ? $0.text : $0.path.map { "@\($0)" } ?? $0.uri }.joined(separator: "\n")
  }
}
