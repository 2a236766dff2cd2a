internal import Platform
internal import Synchronization

/// What the session's thread and a channel's users share: output that was not taken yet, and how it ended.
final class ChannelCore: Sendable {
  /// What a channel may have been sent and its reader has not taken yet, in bytes: what SSH calls the window.
  static let windowBytes = 4 << 20
  /// How large a piece of output grows while nobody takes it.
  static let pieceBytes = 256 << 10
  /// How much must have been taken for the thread to be told.
  private static let noticeBytes = windowBytes / 4

  private struct State {
    var pieces: [SSHOutput] = []
    var head = 0
    var bufferedBytes = 0
    var takenBytes = 0
    var reader: Waiter<SSHOutput?>?
    /// Whether all output has come, or none will come any more.
    var isAtEnd = false
    var failure: SSHError?
    var exit: SSHExit?
    var exitWaiters: [Waiter<SSHExit>] = []
    var lastActivity: Int64

    mutating func popFirst() -> SSHOutput? {
      guard head < pieces.count else { return nil }
      let piece = pieces[head]
      pieces[head].bytes = []
      head += 1
      if head == pieces.count {
        pieces.removeAll(keepingCapacity: pieces.capacity <= 1024)
        head = 0
      } else if head >= 64, head * 2 >= pieces.count {
        pieces.removeFirst(head)
        head = 0
      }
      bufferedBytes -= piece.bytes.count
      return piece
    }
  }

  private let state: Mutex<State>
  let mailbox: Mailbox

  init(mailbox: Mailbox) {
    self.mailbox = mailbox
    state = Mutex(State(lastActivity: Timestamp.monotonicNanoseconds()))
  }

  // MARK: For the session's thread

  /// How much the reader has not taken yet.
  var bufferedBytes: Int { state.withLock { $0.bufferedBytes } }

  /// When output last came or was taken; nil where there is nothing to wait for.
  var lastActivity: Int64? {
    state.withLock { $0.isAtEnd || $0.failure != nil || $0.bufferedBytes > 0 ? nil : $0.lastActivity }
  }

  /// Hands output over. The bytes are copied.
  func deliver(_ source: SSHOutput.Source, _ bytes: UnsafeRawBufferPointer) {
    state.withLock { state in
      state.lastActivity = Timestamp.monotonicNanoseconds()
      guard state.failure == nil else { return }
      if state.pieces.count > state.head, let last = state.pieces.indices.last, state.pieces[last].source == source,
        state.pieces[last].bytes.count + bytes.count <= Self.pieceBytes
      {
        state.pieces[last].bytes.append(contentsOf: bytes)
      } else {
        state.pieces.append(SSHOutput(source: source, bytes: Array(bytes)))
      }
      state.bufferedBytes += bytes.count
    }
    // A reader that was cancelled does not take its piece, and another one may have come meanwhile.
    while let (reader, piece) = nextForReader() {
      if reader.give(.success(piece)) { return }
      state.withLock { state in
        state.pieces.insert(piece, at: state.head)
        state.bufferedBytes += piece.bytes.count
      }
    }
  }

  private func nextForReader() -> (Waiter<SSHOutput?>, SSHOutput)? {
    state.withLock { state in
      guard let reader = state.reader, let piece = state.popFirst() else { return nil }
      state.reader = nil
      return (reader, piece)
    }
  }

  /// All output has come.
  func endOutput() {
    let reader = state.withLock { state -> Waiter<SSHOutput?>? in
      state.isAtEnd = true
      defer { state.reader = nil }
      return state.reader
    }
    reader?.give(.success(nil))
  }

  func finish(_ exit: SSHExit) {
    let waiters = state.withLock { state -> [Waiter<SSHExit>] in
      if state.exit != nil { return [] }
      state.exit = exit
      defer { state.exitWaiters = [] }
      return state.exitWaiters
    }
    for waiter in waiters { waiter.give(.success(exit)) }
  }

  /// The channel is lost. Output that has come can still be read.
  func fail(_ error: SSHError) {
    let (reader, waiters) = state.withLock { state -> (Waiter<SSHOutput?>?, [Waiter<SSHExit>]) in
      if state.failure == nil { state.failure = error }
      defer {
        state.reader = nil
        state.exitWaiters = []
      }
      return (state.isAtEnd ? nil : state.reader, state.exitWaiters)
    }
    reader?.give(.failure(error))
    for waiter in waiters { waiter.give(.failure(error)) }
  }

  // MARK: For users

  /// The next piece of output; nil at the end.
  func next() async throws -> SSHOutput? {
    try Task.checkCancellation()
    enum Step {
      case take(SSHOutput, isThreadToBeTold: Bool)
      case end
      case fail(SSHError)
      case wait(Waiter<SSHOutput?>)
    }
    let step = state.withLock { state -> Step in
      if let piece = state.popFirst() {
        state.lastActivity = Timestamp.monotonicNanoseconds()
        state.takenBytes += piece.bytes.count
        let isEnough = state.takenBytes >= Self.noticeBytes
        if isEnough { state.takenBytes = 0 }
        return .take(piece, isThreadToBeTold: isEnough)
      }
      if state.isAtEnd { return .end }
      if let failure = state.failure { return .fail(failure) }
      if state.reader?.isOpen == true {
        return .fail(SSHError(.system, "Two tasks read from the same channel at once."))
      }
      let waiter = Waiter<SSHOutput?>()
      state.reader = waiter
      return .wait(waiter)
    }
    switch step {
    case .take(let piece, let isThreadToBeTold):
      if isThreadToBeTold { mailbox.wakeUp.signal() }
      return piece
    case .end: return nil
    case .fail(let error): throw error
    case .wait(let waiter): return try await waiter.value()
    }
  }

  func exit() async throws -> SSHExit {
    try Task.checkCancellation()
    let waiter = Waiter<SSHExit>()
    let known = state.withLock { state -> Result<SSHExit, SSHError>? in
      if let exit = state.exit { return .success(exit) }
      if let failure = state.failure { return .failure(failure) }
      state.exitWaiters.removeAll { !$0.isOpen }
      state.exitWaiters.append(waiter)
      return nil
    }
    if let known { return try known.get() }
    return try await waiter.value()
  }
}
