import BerthClient
import BerthProtocol
import JSON
import Platform

/// Begins work on connections, and follows it to its end: side by side, whatever becomes of the server meanwhile.
/// Ctrl-C cancels all of it.
final class ConnectionFollower {
  /// What connections are to become.
  enum Goal: String, Sendable { case connected, disconnected }

  private struct Lane {
    let name: String
    var connection: ResourceConnection?
    var job: Job?
    /// Of the last event that was shown.
    var cursor: String?
    /// What was written last.
    var lastLines: [String] = []
    /// Whether nothing had to be done.
    var wasThere = false
    var hasEnded = false
    var failure: Failure?
  }

  private static let keptLines = 10
  /// Not more at a time than fits in the connection's buffers and the server's limit of open calls.
  private static let openCalls = 32

  private let context: Context
  private let goal: Goal
  private let view: LaneView
  private let cancellation: JobCancellation
  private var lanes: [Lane]
  /// The lanes by the attachments to their jobs' streams.
  private var attachments: [String: Int] = [:]

  /// - Parameter names: What the lines begin with.
  init(_ context: Context, _ names: [String], goal: Goal, isVerbose: Bool = false) {
    self.context = context
    self.goal = goal
    let view = LaneView(names, json: context.json, isVerbose: isVerbose)
    self.view = view
    lanes = names.map { Lane(name: $0) }
    cancellation = JobCancellation(context) { view.say("cancelling; Ctrl-C again leaves at once") }
  }

  /// Calls the method for each, and follows the jobs that it begins.
  ///
  /// - Parameter params: In the order of the names. A call that is lost with the server is made again.
  /// - Throws: `Failure` where not all have become what they were to become.
  func run<M: Method>(_ method: M.Type, _ params: [M.Params]) throws where M.Result == ConnectionStarted {
    try Interrupts.observe { [cancellation] in cancellation.want() }
    defer { view.clear() }
    try context.reconnecting { attempt in
      attachments = [:]
      do {
        for index in lanes.indices where !lanes[index].hasEnded { try attachAgain(index) }
        try begin(method, params, isRepeated: attempt > 1)
        try follow()
      } catch let error as Disconnected {
        view.clear()
        throw error
      }
    }
    try finish()
  }

  // MARK: Beginning

  /// - Parameter isRepeated: Whether the calls may have been made before, without an answer.
  private func begin<M: Method>(
    _ method: M.Type, _ params: [M.Params], isRepeated: Bool
  ) throws where M.Result == ConnectionStarted {
    let client = try context.client
    let open = lanes.indices.filter { !lanes[$0].hasEnded && lanes[$0].job == nil }
    for start in stride(from: 0, to: open.count, by: Self.openCalls) {
      let some = open[start..<min(start + Self.openCalls, open.count)]
      let isTooLate = cancellation.isWanted
      let calls = try some.map { index in
        isTooLate ? nil : (index, try client.begin(M.description.name, params: params[index]))
      }
      for index in some where isTooLate { end(index, Failure("not begun", status: .interrupted)) }
      for (index, id) in calls.compactMap(\.self) {
        do {
          try took(index, try client.result(of: id, as: method))
        } catch let error as CallError {
          if isRepeated, let started = try begunBefore(error) {
            try took(index, started)
          } else {
            end(index, Failure(error, instance: lanes[index].name))
          }
        }
      }
    }
  }

  /// What a call has begun whose answer was lost; nil where the error tells something else.
  private func begunBefore(_ error: CallError) throws -> ConnectionStarted? {
    guard error.type == .connectionBusy, let id = error.data?["job"]?.stringValue else { return nil }
    let job = try context.request(JobGet.self, .init(job: id))
    guard let subject = job.subject else { return nil }
    let connection = try context.request(ConnectionGet.self, .init(connection: subject))
    return ConnectionStarted(connection: connection, job: job, created: false)
  }

  private func took(_ index: Int, _ started: ConnectionStarted) throws {
    lanes[index].connection = started.connection
    // The last job of one for which nothing is to be done has ended long ago.
    guard let job = started.job, started.created || started.connection.activity != nil || !job.hasEnded else {
      lanes[index].wasThere = true
      return try settle(index)
    }
    lanes[index].job = job
    view.begin(index)
    cancellation.began(job.id)
    if let attachment = started.attachment {
      attachments[attachment] = index
    } else {
      try attach(index, job)
    }
  }

  private func attach(_ index: Int, _ job: Job) throws {
    do {
      let attached = try context.request(StreamAttach.self, .init(stream: job.stream, after: lanes[index].cursor))
      attachments[attached.attachment] = index
    } catch let error as CallError where error.type == .streamNotFound {
      try settle(index)
    }
  }

  /// Follows a job on a new connection from where it was left.
  private func attachAgain(_ index: Int) throws {
    guard let job = lanes[index].job else { return }
    try attach(index, job)
  }

  // MARK: Following

  /// Shows what comes until all have ended. - Throws: `Disconnected`.
  private func follow() throws {
    while lanes.contains(where: { !$0.hasEnded }) {
      guard let notification = try nextNotification() else {
        view.refresh()
        continue
      }
      guard let attachment = notification.params["attachment"]?.stringValue, let index = attachments[attachment] else {
        continue
      }
      switch notification.method {
      case StreamEventNotification.description.name:
        let events = try Decoding.decode(StreamEventNotification.Params.self, from: notification.params).events
        for event in events { show(index, event) }
      case StreamEndNotification.description.name:
        attachments[attachment] = nil
        try settle(index)
      default: break
      }
    }
  }

  /// What comes next; nil where it is time to draw anew.
  private func nextNotification() throws -> Client.Notification? {
    let client = try context.client
    guard view.isLive else {
      guard let notification = try client.nextNotification() else { throw Disconnected() }
      return notification
    }
    let deadline = Timestamp.monotonicNanoseconds() + Int64(LaneView.redrawSeconds * 1e9)
    if let notification = try client.nextNotification(timeoutSeconds: LaneView.redrawSeconds) { return notification }
    // Only the end of the connection comes before the time is over.
    guard Timestamp.monotonicNanoseconds() >= deadline else { throw Disconnected() }
    return nil
  }

  private func show(_ index: Int, _ event: StreamEvent) {
    lanes[index].cursor = event.cursor
    switch event.type {
    case EventType.stepReport:
      guard let report = try? Decoding.decode(StepReport.self, from: event.payload) else { return }
      if let words = report.words { view.note(index, report.title, words) }
      if report.state == .running { view.step(index, report.title) }
    case EventType.execOutput: wrote(index, event.payload["text"]?.stringValue)
    case EventType.jobOutput: wrote(index, event.payload["message"]?.stringValue)
    default: break
    }
  }

  private func wrote(_ index: Int, _ text: String?) {
    guard let text else { return }
    let lines = text.split(separator: "\n").map(String.init)
    lanes[index].lastLines = (lanes[index].lastLines + lines).suffix(Self.keptLines)
    view.words(index, text)
  }

  // MARK: Ends

  /// The stream has ended, or there is none: finds out how it went.
  private func settle(_ index: Int) throws {
    guard let before = lanes[index].connection else { return }
    if let job = lanes[index].job {
      // The stream may end a moment before the job does.
      lanes[index].job = try context.request(JobGet.self, .init(job: job.id, waitSeconds: 30))
      cancellation.ended(job.id)
    }
    do {
      let connection = try context.request(ConnectionGet.self, .init(connection: before.id))
      lanes[index].connection = connection
      // A server that has taken over goes on with a job of its own.
      if connection.activity != nil, let next = connection.job, next != lanes[index].job?.id {
        let job = try context.request(JobGet.self, .init(job: next))
        (lanes[index].job, lanes[index].cursor) = (job, nil)
        view.begin(index)
        cancellation.began(job.id)
        return try attach(index, job)
      }
    } catch let error as CallError where error.type == .connectionNotFound && goal == .disconnected {
      // It is forgotten, as it was to be.
      lanes[index].connection?.status = .disconnected
    }
    try end(index, failure(lanes[index]))
  }

  /// Why a connection is not as it was to become; nil where it is.
  private func failure(_ lane: Lane) throws -> Failure? {
    guard let connection = lane.connection else { return nil }
    let isThere = connection.status.rawValue == goal.rawValue
    if isThere, goal == .disconnected || lane.job.map({ $0.state == .succeeded }) ?? true { return nil }
    if let error = connection.error, !isThere {
      var failure = Failure(error, of: connection, fingerprint: try fingerprint(error, connection))
      if failure.notes.isEmpty, ErrorType(rawValue: error.type)?.isOfCommand == true {
        failure.notes = lane.lastLines.map { "| \($0)" }
      }
      return failure
    }
    return lane.job.map(Failure.init) ?? Failure("the connection is \(connection.status.rawValue)")
  }

  /// The host key that the machine showed, where that is what is wrong.
  private func fingerprint(_ error: ConnectionError, _ connection: ResourceConnection) throws -> String? {
    guard [ErrorType.hostKeyUnknown, .hostKeyChanged].contains(ErrorType(rawValue: error.type)) else { return nil }
    return try context.request(InstanceGet.self, .init(instance: connection.targetResourceId)).hostKey?.fingerprint
  }

  private func end(_ index: Int, _ failure: Failure?) {
    lanes[index].hasEnded = true
    lanes[index].failure = failure
    let lane = lanes[index]
    if context.json { view.json(json(lane, seconds: view.elapsed(index))) }
    let connection = lane.connection
    if let failure {
      let step = connection?.error?.step?.words
      // Of the only one, the rest is told at the end.
      let isOnly = lanes.count == 1
      let text = [step, isOnly ? nil : failure.description].compactMap(\.self).joined(separator: ": ")
      view.end(
        index, .failed, text.isEmpty ? "failed" : text,
        row: [connection?.status.rawValue ?? "failed", connection?.error?.type ?? "", failure.description],
        notes: isOnly ? [] : failure.notes + (failure.hint.map { ["hint: \($0)"] } ?? []))
    } else {
      view.end(
        index, .done, connection?.outcome(wasThere: lane.wasThere) ?? goal.rawValue,
        row: [goal.rawValue, connection?.versions ?? "", connection?.id ?? ""],
        notes: (connection?.connectionDetails.kept ?? []).map { "kept \($0)" })
    }
  }

  private func json(_ lane: Lane, seconds: Double) -> JSONValue {
    var object: JSONObject = [
      "instance": .string(lane.connection?.targetName ?? lane.name), "ok": .bool(lane.failure == nil),
      "status": .string(lane.connection?.status.rawValue ?? "failed"),
    ]
    if let connection = lane.connection { object["connection"] = connection.jsonValue() }
    if let job = lane.job { object["job"] = .string(job.id) }
    if let failure = lane.failure { object["error"] = .string(failure.description) }
    object["seconds"] = .number((seconds * 1000).rounded() / 1000)
    return .object(object)
  }

  private func finish() throws {
    view.clear()
    let failures = lanes.compactMap(\.failure)
    let verb = failures.count == 1 ? "is" : "are"
    guard var failure = Failure(failures, of: lanes.count, "\(verb) not \(goal.rawValue)") else { return }
    if cancellation.isWanted { failure.status = .interrupted }
    throw failure
  }
}

extension StepReport {
  /// What is to be told of its end; nil for nothing.
  fileprivate var words: String? {
    switch state {
    // Why one failed is told with the connection's end.
    case .running, .failed: nil
    case .skipped: message ?? "nothing to do"
    case .done: message
    }
  }
}

extension ErrorType {
  /// Whether what programs on the machine wrote tells more.
  fileprivate var isOfCommand: Bool {
    switch self {
    case .commandFailed, .packageLockBusy, .repositoryUnreachable, .instanceNoSpace, .versionUnavailable,
      .checksumMismatch, .stepTimeout:
      true
    default: false
    }
  }
}
