package import BerthProtocol
package import JSON
import Streams

/// What a job's body is given to tell how it gets on, and to learn that it is to stop.
package struct JobContext: Sendable {
  private let run: JobRun

  init(_ run: JobRun) {
    self.run = run
  }

  /// The job's id.
  package var id: String { run.id }

  /// Tells how far the work has come. Cheap enough to be called for every file: what comes faster than ten times a
  /// second is not written, but for the last one.
  package func progress(_ message: String, completed: Int, total: Int? = nil, unit: ProgressUnit? = nil) {
    run.progress.report(JobProgress(message: message, completed: completed, total: total, unit: unit))
  }

  /// Adds a line to the job's stream.
  package func output(_ line: String) {
    run.progress.output(line)
  }

  /// Adds an event to the job's stream. What can't be kept is an error, unlike with ``output(_:)``.
  package func tell(_ type: String, _ payload: some JSONEncodable) throws {
    try run.progress.tell(NewJournalEvent(type: type, payload: payload.jsonBytes()))
  }

  /// Whether the work is to stop because the server is, and not because nobody wants it any more.
  package var isServerStopping: Bool { run.request == .stop }

  /// Whether the work is to stop. Also true in threads that the body has started, which know of no task.
  package var isCancelled: Bool { Task.isCancelled || run.request != nil }

  /// - Throws: `CancellationError` where the work is to stop.
  package func checkCancellation() throws {
    if isCancelled { throw CancellationError() }
  }
}
