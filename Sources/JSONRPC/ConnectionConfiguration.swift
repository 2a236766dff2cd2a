package import Platform

/// What a connection keeps to.
package struct ConnectionConfiguration: Sendable {
  /// The largest message that is taken, and the largest answer that is sent, in bytes.
  package var maximumMessageBytes: Int
  /// How many requests may be open at once.
  package var maximumInFlight: Int
  /// The most entries of a batch.
  package var maximumBatch: Int
  /// Whether the end of input cancels what is open. A peer that can't read the answers any more is not worth waiting
  /// for; a script whose output goes to a file is.
  package var cancelsAtEndOfInput: Bool
  /// Where requests are carried out that are not answered inline.
  package var pool: WorkerPool
  /// What is answered in place of a message, batch or result that passes its limit.
  package var messageTooLarge: RPCError
  package var batchTooLarge: RPCError
  package var resultTooLarge: RPCError

  package init(
    maximumMessageBytes: Int = 64 << 20, maximumInFlight: Int = 128, maximumBatch: Int = 1000,
    cancelsAtEndOfInput: Bool = true, pool: WorkerPool,
    messageTooLarge: RPCError = .invalidRequest("it is too large"),
    batchTooLarge: RPCError = .invalidRequest("it has too many entries"),
    resultTooLarge: RPCError = .invalidRequest("its result is too large")
  ) {
    self.maximumMessageBytes = maximumMessageBytes
    self.maximumInFlight = maximumInFlight
    self.maximumBatch = maximumBatch
    self.cancelsAtEndOfInput = cancelsAtEndOfInput
    self.pool = pool
    self.messageTooLarge = messageTooLarge
    self.batchTooLarge = batchTooLarge
    self.resultTooLarge = resultTooLarge
  }
}
