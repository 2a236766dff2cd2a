import BerthProtocol
import Platform
import Streams
import Synchronization

/// Tells a job's progress on its stream: at most ten times a second, and always the last one.
///
/// Progress and output that cannot be kept are dropped: they are no reason for the work to fail.
final class ProgressReports: Sendable {
  private static let interval: Int64 = 100_000_000

  private struct State {
    var latest: JobProgress?
    /// Whether the latest has not been told.
    var isPending = false
    /// When one was last told, by the clock that never goes back.
    var toldAt = Int64.min
    /// Tells the pending one when its time has come.
    var timer: Task<Void, Never>?
    var hasEnded = false
  }

  private let stream: String
  private let streams: StreamStore
  private let pool: WorkerPool
  private let state = Mutex(State())
  /// Held while one is told, so that two are not told in the wrong order.
  private let telling = Mutex(())

  init(stream: String, streams: StreamStore, pool: WorkerPool) {
    self.stream = stream
    self.streams = streams
    self.pool = pool
  }

  var latest: JobProgress? { state.withLock { $0.latest } }

  func report(_ progress: JobProgress) {
    let now = Timestamp.monotonicNanoseconds()
    let isDue = state.withLock { state in
      if state.hasEnded { return false }
      state.latest = progress
      state.isPending = true
      guard state.timer == nil else { return false }
      let due = state.toldAt == .min ? now : state.toldAt + Self.interval
      guard due > now else { return true }
      state.timer = Task(executorPreference: pool) { [weak self] in
        do {
          try await Task.sleep(for: .nanoseconds(due - now))
        } catch {
          return
        }
        self?.state.withLock { $0.timer = nil }
        self?.tellPending()
      }
      return false
    }
    if isDue { tellPending() }
  }

  /// Tells what is pending; nothing is told afterwards.
  func end() {
    state.withLock { state in
      state.hasEnded = true
      state.timer?.cancel()
      state.timer = nil
    }
    tellPending()
  }

  func output(_ line: String) {
    append(NewJournalEvent(type: EventType.jobOutput, payload: JobMessage(message: line)))
  }

  func tell(_ event: NewJournalEvent) throws {
    _ = try streams.append(stream, [event])
  }

  private func tellPending() {
    telling.withLock { _ in
      let progress = state.withLock { state -> JobProgress? in
        guard state.isPending else { return nil }
        state.isPending = false
        state.toldAt = Timestamp.monotonicNanoseconds()
        return state.latest
      }
      if let progress { append(NewJournalEvent(type: EventType.jobProgress, payload: progress)) }
    }
  }

  private func append(_ event: NewJournalEvent) {
    _ = try? streams.append(stream, [event])
  }
}
