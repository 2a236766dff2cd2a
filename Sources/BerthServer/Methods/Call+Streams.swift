import BerthProtocol
import JSON
import JSONRPC
import Jobs
import Streams
import Workspaces

extension Call {
  /// Attaches the connection to a stream; what is sent comes after the answer.
  func attach(_ follower: Follower, isFinite: Bool, _ domains: Domains) throws -> Answer {
    try attach(follower, isFinite: isFinite, domains) { $0 }
  }

  /// The same for `app/logs`.
  func followLogs(_ follower: Follower, _ domains: Domains) throws -> Answer {
    try attach(follower, isFinite: false, domains) {
      AppLogPage(stream: $0.stream, attachment: $0.attachment, lines: [], next: $0.after)
    }
  }

  func attach(
    _ follower: Follower, isFinite: Bool, _ domains: Domains,
    answer: (Attachment) -> some JSONEncodable & Sendable
  ) throws -> Answer {
    let attachments = session.attachments
    let connection = request.connection
    let stream = follower.journal.name
    let id = try attachments.open(stream)
    if isFinite { connection.hold() }
    domains.watches.attached(stream)
    return AnswerThen(answer(Attachment(attachment: id, stream: stream, after: follower.position?.cursor))) {
      attachments.start(id, follower, isFinite: isFinite, on: connection) { domains.watches.detached(stream) }
      session.server.askWhatIsOpen(of: stream, session, connection)
    }
  }

  /// Waits for something that ends with a job, and tells the job's progress meanwhile where the client asked for it.
  func reportingProgress<T: Sendable>(
    of job: String, _ domains: Domains, until body: @escaping @Sendable () async throws -> T
  ) async throws -> T {
    guard progressToken != nil else { return try await body() }
    let (jobs, streams) = (domains.jobs, domains.streams)
    let found = try await jobs.get(JobGet.Params(job: job))
    let follower = try streams.follow(StreamAttach.Params(stream: found.stream))
    try await progress(WorkDoneProgress(kind: .begin, title: found.title, cancellable: true))
    let reports = Task { try await report(follower) }
    defer { reports.cancel() }
    let result = try await body()
    reports.cancel()
    _ = await reports.result
    try await progress(WorkDoneProgress(kind: .end))
    return result
  }

  /// Sends each `job.progress` of a job's stream, until the stream ends.
  private func report(_ follower: Follower) async throws {
    var follower = follower
    while let batch = try await follower.next(limitBytes: 64 << 10) {
      let events = try JSONParser.parse([UInt8(ascii: "[")] + batch.events + [UInt8(ascii: "]")]).arrayValue ?? []
      for event in events where event["type"]?.stringValue == EventType.jobProgress {
        guard let payload = event["payload"] else { continue }
        let step = try Decoding.decode(JobProgress.self, from: payload)
        let percentage = step.total.map { $0 > 0 ? min(100, step.completed * 100 / $0) : 100 }
        try await progress(
          WorkDoneProgress(kind: .report, message: step.message, percentage: percentage, cancellable: true))
      }
    }
  }
}

extension MethodRegistry {
  /// Registers a method that starts a job. The call's lane is left once the job is there; then the answer waits for as
  /// long as the caller asked, and holds the job as it stands.
  mutating func registerJob<M: Method>(
    _ method: M.Type, _ domains: Domains, _ waitSeconds: KeyPath<M.Params, Double> & Sendable,
    _ start: @escaping @Sendable (M.Params) throws -> JobStarted
  ) where M.Result == JobStarted {
    let jobs = domains.jobs
    register(method) { params, call in
      var started = try start(params)
      let seconds = params[keyPath: waitSeconds]
      call.request.leaveLane()
      guard seconds > 0 else { return started }
      let id = started.job.id
      started.job = try await call.reportingProgress(of: id, domains) {
        try await jobs.get(JobGet.Params(job: id, waitSeconds: seconds))
      }
      return started
    }
  }
}
