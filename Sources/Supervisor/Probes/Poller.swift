import CPlatform
import Glibc
package import Platform
import Synchronization

/// Waits for sockets and for points in time, on one thread for all who wait.
///
/// Everything that probes wait for comes through here. There are few waits at a time, and most of them are pauses, so
/// that poll(2) and a look at each of them will do.
package final class Poller: Sendable {
  private typealias Waiter = CheckedContinuation<Bool, any Error>

  private struct Wait {
    /// Held so that the number stays that of the socket; nil for a pause.
    let descriptor: OwnedDescriptor?
    let events: Int16
    /// By the monotonic clock, in nanoseconds.
    let deadline: Int64
    let waiter: Waiter
  }

  /// What the thread looks at. It holds this and not the poller, so that the poller can go.
  private final class Board: Sendable {
    let state = Mutex(State())
    let wakeUp: (read: OwnedDescriptor, write: OwnedDescriptor)

    init() throws(SystemError) {
      var ends: [Int32] = [-1, -1]
      guard berth_pipe(&ends) == 0 else { throw SystemError("pipe2") }
      wakeUp = (OwnedDescriptor(adopting: ends[0]), OwnedDescriptor(adopting: ends[1]))
    }

    func wake() {
      var byte: UInt8 = 0
      _ = wakeUp.write.withDescriptor { write($0, &byte, 1) }
    }
  }

  private struct State {
    var waits: [UInt64: Wait] = [:]
    var lastID: UInt64 = 0
    var isRunning = false
    var isEnding = false
    /// When the thread looks again by itself.
    var nextLook = Int64.max
  }

  private let board: Board

  package init() throws(SystemError) {
    board = try Board()
  }

  deinit {
    board.state.withLock { $0.isEnding = true }
    board.wake()
  }

  /// Pauses.
  ///
  /// - Throws: `CancellationError` when the task is cancelled.
  package func sleep(seconds: Double) async throws {
    _ = try await wait(nil, for: 0, until: Timestamp.monotonicNanoseconds() + Int64(max(0, seconds) * 1e9))
  }

  /// Waits for a socket to become readable (`POLLIN`) or writable (`POLLOUT`), or to fail.
  ///
  /// - Parameter deadline: By the monotonic clock, in nanoseconds.
  /// - Returns: False where the deadline has come before.
  /// - Throws: `CancellationError` when the task is cancelled.
  func wait(_ descriptor: OwnedDescriptor?, for events: Int32, until deadline: Int64) async throws -> Bool {
    let id = board.state.withLock { state in
      state.lastID += 1
      return state.lastID
    }
    let board = board
    // Its end would be that of the thread.
    defer { withExtendedLifetime(self) {} }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (waiter: Waiter) in
        let wait = Wait(descriptor: descriptor, events: Int16(events), deadline: deadline, waiter: waiter)
        let (isCancelled, mustStart, mustWake) = board.state.withLock { state in
          // The handler below may have run before there was anything to take away.
          if Task.isCancelled { return (true, false, false) }
          state.waits[id] = wait
          defer { state.isRunning = true }
          return (false, !state.isRunning, descriptor != nil || deadline < state.nextLook)
        }
        if isCancelled { return waiter.resume(throwing: CancellationError()) }
        if mustStart {
          startDetached("berth-probes") { Self.run(board) }
        } else if mustWake {
          board.wake()
        }
      }
    } onCancel: {
      board.state.withLock { $0.waits.removeValue(forKey: id) }?.waiter.resume(throwing: CancellationError())
    }
  }

  // MARK: The thread

  private static func run(_ board: Board) {
    var descriptors: [pollfd] = []
    var ids: [UInt64] = []
    while true {
      descriptors.removeAll(keepingCapacity: true)
      ids.removeAll(keepingCapacity: true)
      board.wakeUp.read.withDescriptor { descriptors.append(pollfd(fd: $0, events: Int16(POLLIN), revents: 0)) }
      let now = Timestamp.monotonicNanoseconds()
      // Sockets that are being polled stay open by these, whatever becomes of those who wait.
      var held: [OwnedDescriptor] = []
      let look: (due: [Wait], pause: Int32)? = board.state.withLock { state in
        if state.isEnding { return nil }
        var due: [Wait] = []
        state.nextLook = .max
        for (id, wait) in state.waits {
          if wait.deadline <= now {
            due.append(wait)
            state.waits[id] = nil
            continue
          }
          state.nextLook = min(state.nextLook, wait.deadline)
          guard let descriptor = wait.descriptor else { continue }
          held.append(descriptor)
          ids.append(id)
          descriptor.withDescriptor { descriptors.append(pollfd(fd: $0, events: wait.events, revents: 0)) }
        }
        let milliseconds = state.nextLook == .max ? -1 : (state.nextLook - now + 999_999) / 1_000_000
        return (due, Int32(clamping: milliseconds))
      }
      guard let (due, pause) = look else { return }
      for wait in due { wait.waiter.resume(returning: false) }
      let count = poll(&descriptors, nfds_t(descriptors.count), due.isEmpty ? pause : 0)
      withExtendedLifetime(held) {}
      guard count > 0 else { continue }
      if descriptors[0].revents != 0 { drain(board.wakeUp.read) }
      for (id, descriptor) in zip(ids, descriptors.dropFirst()) where descriptor.revents != 0 {
        board.state.withLock { $0.waits.removeValue(forKey: id) }?.waiter.resume(returning: true)
      }
    }
  }

  private static func drain(_ pipe: OwnedDescriptor) {
    withUnsafeTemporaryAllocation(byteCount: 512, alignment: 1) { buffer in
      _ = pipe.withDescriptor { read($0, buffer.baseAddress, buffer.count) }
    }
  }
}
