import DequeModule
import NIOCore
import Synchronization

/// What other threads hand to a connection's event loop: answers, notifications, and those who wait to send one.
///
/// Many items make one hop: the loop is woken for the first, and takes along what has come by then.
package final class Outbox: Sendable {
  enum Item: Sendable {
    case answer(serial: UInt64, [UInt8])
    case notification([UInt8])
    case released
  }

  /// The connection has been closed; nothing can be sent any more.
  package struct Closed: Error {}

  private struct State {
    var items: [Item] = []
    var bytes = 0
    var isScheduled = false
    var isWritable = true
    var isClosed = false
    var waiters: Deque<(ticket: UInt64, CheckedContinuation<Void, any Error>)> = []
    var nextTicket: UInt64 = 0

    var hasRoom: Bool { isWritable && bytes < Outbox.roomBytes }
  }

  /// How much may stand here before senders of notifications wait.
  private static let roomBytes = 256 << 10

  private let state = Mutex(State())

  /// - Returns: Whether the event loop must be told.
  func put(_ item: Item) -> Bool {
    state.withLock { state in
      guard !state.isClosed else { return false }
      state.bytes += item.byteCount
      state.items.append(item)
      defer { state.isScheduled = true }
      return !state.isScheduled
    }
  }

  /// Whether nobody who sends has to wait now.
  var hasRoom: Bool { state.withLock { $0.hasRoom } }

  func takeAll() -> [Item] {
    state.withLock { state in
      let items = state.items
      state.items.removeAll()
      state.bytes = 0
      state.isScheduled = false
      return items
    }
  }

  /// Waits until the peer has read enough for an answer to be made. Unlike `room` this is no waiting that can be
  /// cancelled: whatever the answer will be, it can't be sent before.
  ///
  /// Of many that wait, only as many go on as find room when it is their turn.
  func roomForAnswer() async throws {
    while true {
      let outcome: Result<Void, Closed>? = state.withLock { state in
        if state.isClosed { return .failure(Closed()) }
        return state.hasRoom ? .success(()) : nil
      }
      if let outcome { return try outcome.get() }
      try await withCheckedThrowingContinuation { continuation in
        let isWaiting = state.withLock { state in
          guard !state.isClosed, !state.hasRoom else { return false }
          state.nextTicket += 1
          state.waiters.append((state.nextTicket, continuation))
          return true
        }
        if !isWaiting { continuation.resume() }
      }
    }
  }

  /// Waits until the peer has read enough for more to be sent.
  func room() async throws {
    let ticket = state.withLock { state in
      state.nextTicket += 1
      return state.nextTicket
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let outcome: Result<Void, any Error>? = state.withLock { state in
          if state.isClosed { return .failure(Closed()) }
          if Task.isCancelled { return .failure(CancellationError()) }
          if state.hasRoom { return .success(()) }
          state.waiters.append((ticket, continuation))
          return nil
        }
        if let outcome { continuation.resume(with: outcome) }
      }
    } onCancel: {
      let waiter = state.withLock { state in
        state.waiters.firstIndex { $0.ticket == ticket }.map { state.waiters.remove(at: $0).1 }
      }
      waiter?.resume(throwing: CancellationError())
    }
  }

  /// Lets all go on that wait, where there is room.
  func setWritable(_ isWritable: Bool) {
    let waiters = state.withLock { state in
      state.isWritable = isWritable
      guard state.hasRoom else { return Deque<(ticket: UInt64, CheckedContinuation<Void, any Error>)>() }
      defer { state.waiters.removeAll() }
      return state.waiters
    }
    for waiter in waiters { waiter.1.resume() }
  }

  func close() {
    let waiters = state.withLock { state in
      state.isClosed = true
      state.items.removeAll()
      defer { state.waiters.removeAll() }
      return state.waiters
    }
    for waiter in waiters { waiter.1.resume(throwing: Closed()) }
  }
}

extension Outbox.Item {
  fileprivate var byteCount: Int {
    switch self {
    case .answer(_, let bytes), .notification(let bytes): bytes.count
    case .released: 0
    }
  }
}
