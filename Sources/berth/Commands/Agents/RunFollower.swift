import BerthClient
import BerthProtocol
import JSON
import Platform

/// Shows a run until it ends: its events as they come, each once, whatever becomes of the server meanwhile.
final class RunFollower {
  private let context: Context
  private let view: RunView
  private let questions: QuestionDesk
  private var run: AgentRun?
  private var cursor: String?
  private var isInQueue = false

  init(_ context: Context, isQuiet: Bool) {
    self.context = context
    view = RunView(json: context.json, isQuiet: isQuiet)
    let (home, socket) = (context.home, context.options.socket)
    questions = QuestionDesk(view, canAsk: Terminal.canAsk && !context.json) {
      try Launch.connect(home: home, socket: socket, name: "berth")
    }
  }

  // MARK: Beginning

  /// Starts a run and shows it. Ctrl-C cancels it.
  ///
  /// - Throws: `Failure` where it does not end well.
  func start(_ params: AgentRunStart.Params) throws {
    let (home, socket) = (context.home, context.options.socket)
    view.leaveOutFirstPrompt()
    let cancellation = RunCancellation(view) { try Launch.connect(home: home, socket: socket, name: "berth") }
    try Interrupts.observe { cancellation.want() }
    var params = params
    params.attach = true
    // A server that dies before its answer comes is asked again, and begins nothing twice.
    params.idempotencyKey = Identifier.make("cli")
    try finish(
      reconnecting { [self] in
        guard let run else {
          let started = try context.request(AgentRunStart.self, params)
          begin(started.run)
          cancellation.began(started.run.id)
          return started.attachment ?? ""
        }
        cancellation.began(run.id)
        return try attach(run)
      })
  }

  /// Shows a run that somebody has started. Ctrl-C leaves it.
  func attach(_ id: String, fromStart: Bool) throws {
    let found = try context.request(AgentRunGet.self, .init(run: id))
    let view = view
    try Interrupts.observe {
      view.say(found.state.hasEnded ? "" : "left; the run goes on, and `berth run cancel \(id)` ends it")
      ExitStatus.interrupted.exit()
    }
    if !fromStart, found.state.hasEnded {
      view.show(found.lastMessage)
      return try finish(found)
    }
    begin(found)
    var isFirst = true
    try finish(
      reconnecting { [self] in
        defer { isFirst = false }
        return try attach(found, tail: isFirst && !fromStart ? 0 : nil)
      })
  }

  private func begin(_ run: AgentRun) {
    self.run = run
    isInQueue = run.state == .queued
    let workspace = try? context.request(WorkspaceGet.self, .init(workspace: run.workspace))
    view.begin(run, workspace: workspace)
  }

  private func attach(_ run: AgentRun, tail: Int? = nil) throws -> String {
    let attachment = try context.request(
      StreamAttach.self, .init(stream: run.stream, after: cursor, tail: cursor == nil ? tail : nil))
    if cursor == nil { cursor = attachment.after }
    if tail != nil {
      let now = try context.request(AgentRunGet.self, .init(run: run.id))
      if let permission = now.permission { ask(permission) }
    }
    return attachment.attachment
  }

  // MARK: Following

  /// - Parameter attach: Follows the run's stream from the last event that was shown. Returns the attachment.
  private func reconnecting(_ attach: () throws -> String) throws -> AgentRun {
    var ended: AgentRun?
    try context.reconnecting { _ in
      do {
        while true {
          try readStream(attach())
          guard let run else { return }
          let now = try context.request(AgentRunGet.self, .init(run: run.id, waitSeconds: 30))
          ended = now
          if now.state.hasEnded { return }
        }
      } catch let error as Disconnected {
        view.endLine()
        throw error
      }
    }
    guard let ended else { throw Disconnected() }
    return ended
  }

  private func readStream(_ attachment: String) throws {
    let events = StreamEvents(try context.client, attachment: attachment)
    events.onGap = { [view] in view.say("events are missing here: \($0.reason.rawValue)") }
    events.onIdle = { [self] in try pause() }
    while let event = try events.next() {
      cursor = event.cursor
      isInQueue = isInQueue && event.type == EventType.runState && event.payload["state"] == "queued"
      view.show(event)
      if !events.hasMore { view.flush() }
      switch event.type {
      case EventType.permissionRequested: (try? permission(of: event)).map(questions.add)
      case EventType.permissionResolved: (try? permission(of: event)).map { questions.remove($0.id) }
      default: break
      }
    }
    questions.removeAll()
  }

  private func permission(of event: StreamEvent) throws -> Permission {
    try Decoding.decode(PermissionEvent.self, from: event.payload).permission
  }

  /// A question that was open before the first event.
  private func ask(_ permission: Permission) {
    view.show(permission)
    questions.add(permission)
  }

  /// Nothing comes at the moment: what is open is really open.
  private func pause() throws {
    questions.askNext()
    guard isInQueue, let run else { return }
    isInQueue = false
    guard let place = try context.request(AgentRunGet.self, .init(run: run.id)).place else { return }
    view.say(place == 1 ? "queued; it is the next one" : "queued; \(Humanize.count(place - 1, "run")) before it")
  }

  // MARK: The end

  private func finish(_ run: AgentRun) throws {
    view.end(run)
    if let failure = Failure(run) { throw failure }
  }
}

extension AgentRun {
  /// Its last message, as an event of it.
  fileprivate var lastMessage: StreamEvent {
    let content = message.map { [ContentBlock(type: .text, text: $0)] } ?? []
    return StreamEvent(
      cursor: "", time: endedAt ?? createdAt, type: EventType.message,
      payload: RunMessage(seq: 0, role: .agent, content: content).jsonValue())
  }
}
