import DequeModule
import Platform
import Synchronization

/// Requests that are carried out one after the other, in the order of their arrival.
///
/// Each is a task of its own, so that each can be cancelled. The lane is their executor: as long as there is work, one
/// thread of the pool does it, and no thread has to be woken between one request and the next.
final class Lane: TaskExecutor {
  /// What became of a request's wait.
  enum Turn {
    case mine
    /// It was cancelled before it could begin, and is answered already.
    case cancelled
  }

  private struct State {
    var jobs: Deque<UnownedJob> = []
    var isDraining = false
    /// The requests that have not left the lane, the one whose turn it is first.
    var line: Deque<UInt64> = []
    /// Those that came before it was their turn.
    var waiters: [UInt64: CheckedContinuation<Turn, Never>] = [:]
    /// Those whose work has begun.
    var begun: Set<UInt64> = []
  }

  private let pool: WorkerPool
  private let state = Mutex(State())

  init(pool: WorkerPool) {
    self.pool = pool
  }

  // MARK: Turns

  /// Takes a request in, behind those that are there.
  func enter(_ serial: UInt64) {
    state.withLock { $0.line.append(serial) }
  }

  /// Waits for a request's turn.
  func turn(of serial: UInt64) async -> Turn {
    await withCheckedContinuation { continuation in
      let turn: Turn? = state.withLock { state in
        if !state.line.contains(serial) { return .cancelled }
        guard state.line.first == serial else {
          state.waiters[serial] = continuation
          return nil
        }
        state.begun.insert(serial)
        return .mine
      }
      if let turn { continuation.resume(returning: turn) }
    }
  }

  /// Lets the next request begin. It may be called more than once.
  func leave(_ serial: UInt64) {
    let next = state.withLock { state -> CheckedContinuation<Turn, Never>? in
      state.begun.remove(serial)
      guard let place = state.line.firstIndex(of: serial) else { return nil }
      state.line.remove(at: place)
      guard place == 0, let next = state.line.first, let waiter = state.waiters.removeValue(forKey: next) else {
        return nil
      }
      state.begun.insert(next)
      return waiter
    }
    next?.resume(returning: .mine)
  }

  /// Takes a request out that has not begun. - Returns: False where it has begun: its own work will answer.
  func withdraw(_ serial: UInt64) -> Bool {
    let (isWithdrawn, waiter) = state.withLock { state -> (Bool, CheckedContinuation<Turn, Never>?) in
      guard !state.begun.contains(serial), let place = state.line.firstIndex(of: serial) else { return (false, nil) }
      state.line.remove(at: place)
      return (true, state.waiters.removeValue(forKey: serial))
    }
    waiter?.resume(returning: .cancelled)
    return isWithdrawn
  }

  // MARK: Executor

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let begins = state.withLock { state in
      state.jobs.append(job)
      defer { state.isDraining = true }
      return !state.isDraining
    }
    if begins { Task(executorPreference: pool) { self.drain() } }
  }

  private func drain() {
    let executor = asUnownedTaskExecutor()
    while let job = next() { job.runSynchronously(on: executor) }
  }

  private func next() -> UnownedJob? {
    state.withLock { state in
      let job = state.jobs.popFirst()
      if job == nil { state.isDraining = false }
      return job
    }
  }
}
