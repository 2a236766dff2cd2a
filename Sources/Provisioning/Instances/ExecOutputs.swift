import BerthProtocol
import JSON
import Jobs
import Synchronization

/// Tells the output of a remote command on its job's stream: whole lines, without known secrets.
final class ExecOutputs: Sendable {
  private struct State {
    var output = LineGatherer()
    var error = LineGatherer()
  }

  private let context: JobContext
  private let mask: SecretMask
  private let state = Mutex(State())

  init(_ context: JobContext, mask: SecretMask) {
    self.context = context
    self.mask = mask
  }

  func add(_ source: OutputSource, _ bytes: [UInt8]) throws {
    let whole = state.withLock { state in
      source == .stderr ? state.error.add(bytes) : state.output.add(bytes)
    }
    try tell(source, whole)
  }

  /// Tells what is left, where the last line has no end.
  func finish() throws {
    let (output, error) = state.withLock { state in (state.output.finish(), state.error.finish()) }
    try tell(.stdout, output)
    try tell(.stderr, error)
  }

  private func tell(_ source: OutputSource, _ bytes: [UInt8]) throws {
    guard !bytes.isEmpty else { return }
    try context.tell(
      EventType.execOutput, ExecOutput(source: source, text: String(decoding: mask(bytes), as: UTF8.self)))
  }
}
