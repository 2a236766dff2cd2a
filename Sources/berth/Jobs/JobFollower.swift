import ArgumentParser
import BerthClient
import BerthProtocol
import JSON
import Platform
import Synchronization

/// What commands that start a job take.
struct JobOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Return as soon as the job has begun.")
  var detach = false
}

/// A job that ended as anything but `succeeded`.
struct JobFailed: Error {
  let job: Job
  let wasInterrupted: Bool
}

extension Failure {
  init(_ failed: JobFailed) {
    self.init(failed.job)
    if failed.wasInterrupted { status = .interrupted }
  }
}

/// Follows a job to its end: its progress as a line on the terminal, what it says above it. Ctrl-C cancels the job.
final class JobFollower {
  private let context: Context
  private var progress: ProgressLine
  private var lastCursor: String?
  private static let isInterrupted = Atomic(false)
  private static let isObserving = Atomic(false)

  init(_ context: Context, title: String) {
    self.context = context
    progress = ProgressLine(title: title)
  }

  /// Waits until the job has ended.
  ///
  /// - Returns: The job, which has succeeded.
  /// - Throws: `JobFailed`.
  static func finish(_ job: Job, _ context: Context) throws -> Job {
    let follower = JobFollower(context, title: job.title)
    let job = try follower.follow(job)
    guard job.state == .succeeded else {
      throw JobFailed(job: job, wasInterrupted: isInterrupted.load(ordering: .acquiring))
    }
    return job
  }

  private func follow(_ job: Job) throws -> Job {
    guard !job.hasEnded else { return job }
    try cancelOnInterrupt(job.id)
    defer { progress.clear() }
    progress.show(job.progress)
    var ended = job
    // A server that was stopped or has died is followed by one that tells how the job ended.
    try context.reconnecting { attempt in
      if attempt > 1 { progress.clear() }
      try readStream(of: job)
      // The stream may end a moment before the job does.
      ended = try context.request(JobGet.self, .init(job: job.id, waitSeconds: 30))
    }
    return ended
  }

  /// Shows the events of the job's stream until it ends.
  private func readStream(of job: Job) throws {
    let attachment = try context.request(StreamAttach.self, .init(stream: job.stream, after: lastCursor))
    let events = StreamEvents(try context.client, attachment: attachment.attachment)
    while let event = try events.next() {
      lastCursor = event.cursor
      switch event.type {
      case EventType.jobProgress:
        progress.show(try? Decoding.decode(JobProgress.self, from: event.payload))
      case EventType.jobOutput:
        if let message = event.payload["message"]?.stringValue { progress.say(message) }
      case EventType.execOutput:
        for line in (event.payload["text"]?.stringValue ?? "").split(separator: "\n") { progress.say(String(line)) }
      default: break
      }
    }
  }

  private func cancelOnInterrupt(_ job: String) throws {
    guard !Self.isObserving.exchange(true, ordering: .acquiringAndReleasing) else { return }
    let cancellation = JobCancellation(context) {
      JobFollower.isInterrupted.store(true, ordering: .releasing)
      if Terminal.errorIsTerminal { Messages.write("\r\u{1B}[K") }
      Messages.line("cancelling; Ctrl-C again to leave it running")
    }
    cancellation.began(job)
    try Interrupts.observe { cancellation.want() }
  }
}

extension Job {
  var hasEnded: Bool { state != .queued && state != .running }
}

extension Context {
  /// Shows a job that a call has started: at once where that is wanted, else when it has ended.
  func settle(_ started: JobStarted, detach: Bool, _ people: (Job) throws -> Void) throws {
    try settle(started.job, detach: detach, people)
  }

  func settle(_ job: Job, detach: Bool, _ people: (Job) throws -> Void) throws {
    if detach {
      show(job) { output.line($0.id) }
      return
    }
    do {
      let job = try JobFollower.finish(job, self)
      if json { output.json(job) } else { try people(job) }
    } catch let failed as JobFailed {
      if json { output.json(failed.job) }
      throw failed
    }
  }
}
