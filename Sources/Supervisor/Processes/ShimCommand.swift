package import BerthProtocol
import JSON
import Platform
import Streams

/// Commands that come to an end: a setup, a stop command, a probe. Each runs in a shim of its own, so that nothing of
/// its tree is left when it ends, takes too long or is cancelled.
package struct ShimCommand: Sendable {
  package enum Ending: Sendable, Hashable {
    case exited(ProcessExit)
    case timedOut
  }

  package let supervision: Supervision
  /// Names the tree. One of a name runs at a time.
  package let id: String

  package init(_ id: String, supervision: Supervision) {
    self.id = id
    self.supervision = supervision
  }

  /// Runs a shell command, and returns when no process of it is left. What it leaves behind when its first process ends
  /// is ended too.
  ///
  /// - Parameter onOutput: Called for each line as it comes, on a thread that may block.
  /// - Throws: `ShimError` where it can't be started; `CancellationError`, after it has been ended.
  package func run(
    _ command: String, environment: [String], directory: String, secrets: [String] = [], timeoutSeconds: Double,
    onOutput: (@Sendable (AppOutput) -> Void)? = nil
  ) async throws -> Ending {
    let folder = supervision.folder(of: id)
    let logs = folder.path + ".log"
    try Home.createPrivateFolder(folder.path)
    try Home.createPrivateFolder(logs)
    defer {
      try? folder.remove()
      supervision.removeFolder(id + ".log")
    }
    var specification = ShimSpecification(
      id: id, arguments: ["/bin/sh", "-c", command], environment: environment + [Leftovers.mark(of: id)],
      directory: directory, log: .init(folder: logs, segmentBytes: 8 << 20, segments: 8))
    specification.secrets = secrets
    _ = try supervision.launch(specification, in: folder)
    let control = ShimControl(folder: folder.path)
    let (pushes, sink) = AsyncStream.makeStream(of: ShimPush.self)
    _ = try? supervision.follower.follow(folder.path) { push in
      sink.yield(push)
      if push == .disconnected { sink.finish() }
    }
    if case .ended? = try? folder.state(id: id) { sink.finish() }
    let deadline = Task(executorPreference: supervision.pool) {
      guard (try? await Task.sleep(for: .seconds(timeoutSeconds))) != nil else { return false }
      try? control.stop(signal: 15, graceMilliseconds: Self.graceMilliseconds)
      return true
    }
    defer { deadline.cancel() }
    // A task of its own: one that is cancelled would be told at once that there are no more pushes, and not when the
    // tree has ended.
    let end = Task(executorPreference: supervision.pool) {
      let output = CommandOutput(folder: logs, onOutput)
      for await push in pushes {
        switch push {
        case .log: output.read()
        case .mainExited: try? control.stop(signal: 15, graceMilliseconds: Self.graceMilliseconds)
        default: break
        }
      }
      output.read()
    }
    await withTaskCancellationHandler {
      await end.value
    } onCancel: {
      try? control.stop(signal: 15, graceMilliseconds: Self.graceMilliseconds)
    }
    try Task.checkCancellation()
    guard let main = try folder.exit()?.record.mainExit else {
      Leftovers.end(of: id, main: nil)
      throw ShimError(.gone, "what held `\(command)` was killed")
    }
    deadline.cancel()
    return await deadline.value ? .timedOut : .exited(main)
  }

  private static let graceMilliseconds = 2000
}

/// Reads the lines of a command's log, each once.
private final class CommandOutput {
  private let journal: SegmentJournal
  private let onOutput: (@Sendable (AppOutput) -> Void)?
  private var position: StreamPosition?

  init(folder: String, _ onOutput: (@Sendable (AppOutput) -> Void)?) {
    journal = SegmentJournal(name: "command", folder: folder)
    self.onOutput = onOutput
  }

  func read() {
    guard let onOutput else { return }
    while let batch = try? journal.read(after: position, limitBytes: 256 << 10, filter: nil), batch.count > 0 {
      position = batch.position
      for output in AppOutput.decode(events: batch.events) { onOutput(output) }
      if batch.caughtUp { return }
    }
  }
}

extension AppOutput {
  /// The lines of encoded events.
  package static func decode(events: [UInt8]) -> [AppOutput] {
    let list = try? JSONParser.parse([UInt8(ascii: "[")] + events + [UInt8(ascii: "]")])
    return (list?.arrayValue ?? []).compactMap { event in
      event["payload"].flatMap { try? Decoding.decode(AppOutput.self, from: $0) }
    }
  }
}
