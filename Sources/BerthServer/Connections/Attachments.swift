import BerthProtocol
import JSON
import JSONRPC
import Platform
import Streams
import Synchronization

/// What a connection follows: for each attachment a position in a journal and a task that sends what comes after it.
///
/// A task takes the next piece only when the connection has room, so that a client which does not read costs one piece
/// of memory an attachment, and nobody else any time.
package final class Attachments: Sendable {
  private struct Entry {
    let stream: String
    /// What sends; nil as long as it has not begun.
    var task: Task<Void, Never>?
  }

  private struct State {
    var entries: [String: Entry] = [:]
    var last = 0
    var hasEnded = false
  }

  /// How much is read and sent at once, in bytes.
  private static let pieceBytes = 64 << 10

  private let maximum: Int
  private let pool: WorkerPool
  private let state = Mutex(State())

  init(maximum: Int, pool: WorkerPool) {
    self.maximum = maximum
    self.pool = pool
  }

  var count: Int { state.withLock { $0.entries.count } }

  func isFollowing(_ stream: String) -> Bool {
    state.withLock { $0.entries.values.contains { $0.stream == stream } }
  }

  /// Makes an attachment. What it sends begins with `start`, once the answer is on its way; a client that has the answer
  /// may detach it before.
  func open(_ stream: String) throws -> String {
    try state.withLock { state in
      guard state.entries.count < maximum else {
        throw ProtocolError(
          .limitReached, "This connection has \(maximum) attachments, as many as it may. Detach some first.",
          detail: "limits.maxAttachments = \(maximum)")
      }
      state.last += 1
      let id = "a\(state.last)"
      state.entries[id] = Entry(stream: stream)
      return id
    }
  }

  /// Begins to send, unless it has been detached already.
  ///
  /// - Parameters:
  ///   - isFinite: Whether the attachment ends by itself soon; a connection whose input has ended then waits for it.
  ///   - ended: Called when the attachment has ended, however it did.
  func start(
    _ id: String, _ follower: Follower, isFinite: Bool, on connection: Connection,
    ended: @escaping @Sendable () -> Void = {}
  ) {
    // Made with the lock held: the task can't be done and forgotten before it is in the table.
    let hasBegun = state.withLock { state in
      guard !state.hasEnded, state.entries[id] != nil else { return false }
      state.entries[id]?.task = Task(executorPreference: pool) {
        await self.send(id, follower, on: connection)
        self.state.withLock { _ = $0.entries.removeValue(forKey: id) }
        ended()
        if isFinite { connection.release() }
      }
      return true
    }
    guard !hasBegun else { return }
    ended()
    if isFinite { connection.release() }
  }

  /// Ends an attachment. - Returns: Once nothing more of it is sent.
  func detach(_ id: String) async throws {
    guard let entry = state.withLock({ $0.entries.removeValue(forKey: id) }) else {
      throw ProtocolError(.attachmentNotFound, "This connection has no attachment “\(id)”.")
    }
    entry.task?.cancel()
    await entry.task?.value
  }

  func endAll() {
    let tasks = state.withLock { state in
      state.hasEnded = true
      defer { state.entries.removeAll() }
      return state.entries.values.compactMap(\.task)
    }
    for task in tasks { task.cancel() }
  }

  private func send(_ id: String, _ follower: Follower, on connection: Connection) async {
    var follower = follower
    do {
      while let batch = try await follower.next(limitBytes: Self.pieceBytes) {
        try await connection.roomToSend()
        try Task.checkCancellation()
        if let gap = batch.gap {
          connection.send(
            StreamGapNotification.self, .init(attachment: id, to: gap.to, reason: gap.reason, from: gap.from))
        }
        if batch.count > 0 { connection.send(notification: Self.notification(id, batch.events)) }
        if let reason = batch.end {
          connection.send(StreamEndNotification.self, .init(attachment: id, reason: reason))
        }
      }
    } catch is CancellationError, is Outbox.Closed {
      // Detached, or the connection is gone.
    } catch {
      connection.send(StreamEndNotification.self, .init(attachment: id, reason: .deleted))
    }
  }

  /// `stream/event`, with events that are JSON already.
  private static func notification(_ id: String, _ events: [UInt8]) -> [UInt8] {
    var writer = JSONWriter(reservingCapacity: events.count + 128)
    writer.beginObject()
    writer.key(plain: "jsonrpc")
    writer.string("2.0")
    writer.key(plain: "method")
    writer.string("stream/event")
    writer.key(plain: "params")
    writer.beginObject()
    writer.key(plain: "attachment")
    writer.string(id)
    writer.key(plain: "events")
    writer.beginArray()
    writer.rawElements(events)
    writer.endArray()
    writer.endObject()
    writer.endObject()
    return writer.bytes
  }
}
