internal import BerthProtocol
internal import Subprocess
internal import Synchronization

/// Runs git on a repository of Berth's own.
///
/// It runs in a session of its own, so that a cancelled job, or one that is out of time, ends it with all that it has
/// started. It asks nobody for a password, runs no hooks, and takes nothing but files, `git`, `http(s)` and `ssh` for a
/// transport.
struct GitCommand: Sendable {
  /// The repository, as an absolute path.
  let repository: String
  /// The folder of its files.
  let workTree: String
  /// The most bytes that one file may take which git writes, a pack included.
  let maximumFileBytes: Int
  let deadline: ContinuousClock.Instant

  /// How git ended.
  struct Outcome: Sendable {
    let isSuccess: Bool
    /// The last lines that it wrote to standard error, with passwords left out.
    let lastWords: [String]
  }

  /// What git is to leave alone, whatever the user's configuration says.
  private static let settings = [
    "core.hooksPath=/dev/null", "protocol.ext.allow=never", "core.fsmonitor=false", "core.symlinks=true",
    "submodule.recurse=false", "fetch.recurseSubmodules=false", "credential.interactive=false", "gc.auto=0",
    "maintenance.auto=false",
  ]

  /// - Parameters:
  ///   - output: Takes each part of standard output as it comes.
  ///   - line: Takes each line of standard error, and whether it is one that git writes over and over.
  func run(
    _ arguments: [String], output: @escaping @Sendable ([UInt8]) throws -> Void = { _ in },
    line: @escaping @Sendable (_ text: String, _ isProgress: Bool) -> Void = { _, _ in }
  ) async throws -> Outcome {
    try await withThrowingTaskGroup(of: Outcome?.self) { group in
      group.addTask { try await start(arguments, output, line) }
      group.addTask {
        try await ContinuousClock().sleep(until: deadline)
        return nil
      }
      defer { group.cancelAll() }
      // Whichever ends first; leaving the group waits for the other.
      guard let outcome = try await group.next() ?? nil else { throw ProtocolError.sourceTooSlow("git") }
      return outcome
    }
  }

  private func start(
    _ arguments: [String], _ output: @escaping @Sendable ([UInt8]) throws -> Void,
    _ line: @escaping @Sendable (_ text: String, _ isProgress: Bool) -> Void
  ) async throws -> Outcome {
    var options = PlatformOptions()
    options.createSession = true
    // Nothing that git has written is kept, so that nothing is lost when it ends at once.
    options.teardownSequence = [.send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .seconds(5))]
    let lines = GitLines(line)
    let result = try await Subprocess.run(
      .name("sh"), arguments: Arguments(shellArguments + arguments), environment: environment,
      platformOptions: options, input: .none, output: .sequence, error: .sequence
    ) { execution in
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          for try await buffer in execution.standardOutput { try output(buffer.withUnsafeBytes { Array($0) }) }
        }
        group.addTask {
          for try await buffer in execution.standardError { lines.add(buffer.withUnsafeBytes { Array($0) }) }
        }
        try await group.waitForAll()
      }
    }
    try Task.checkCancellation()
    lines.finish()
    return Outcome(isSuccess: result.terminationStatus.isSuccess, lastWords: lines.last)
  }

  /// The shell sets the limit that Subprocess cannot set, and becomes git.
  private var shellArguments: [String] {
    // Where the limit is lower already, that one holds.
    let script = "ulimit -f \"$0\" 2>/dev/null; exec git \"$@\""
    return ["-c", script, String(maximumFileBytes / 512 + 1), "-C", workTree] + Self.settings.flatMap { ["-c", $0] }
  }

  private var environment: Environment {
    var changes: [Environment.Key: String?] = [
      "GIT_DIR": repository, "GIT_WORK_TREE": workTree, "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "",
      "SSH_ASKPASS_REQUIRE": "never", "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh", "LC_ALL": "C",
    ]
    // Whoever started the server may have been in a repository.
    for key in [
      "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_NAMESPACE",
      "GIT_CEILING_DIRECTORIES", "GIT_PREFIX", "GIT_CONFIG_PARAMETERS", "GIT_QUARANTINE_PATH", "GIT_TEMPLATE_DIR",
    ] {
      changes[Environment.Key(stringLiteral: key)] = .some(nil)
    }
    return .inherit.updating(changes)
  }
}

/// Puts git's standard error together to lines.
private final class GitLines: Sendable {
  private struct State {
    var rest: [UInt8] = []
    var last: [String] = []
  }

  private static let kept = 12
  private static let maximumLineBytes = 4096

  private let state = Mutex(State())
  private let tell: @Sendable (String, Bool) -> Void

  init(_ tell: @escaping @Sendable (String, Bool) -> Void) {
    self.tell = tell
  }

  /// The last lines, without those that git writes over.
  var last: [String] { state.withLock { $0.last } }

  func add(_ bytes: [UInt8]) {
    for byte in bytes {
      let isEnd = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
      let line = state.withLock { state -> [UInt8]? in
        if !isEnd {
          if state.rest.count < Self.maximumLineBytes { state.rest.append(byte) }
          return nil
        }
        defer { state.rest = [] }
        return state.rest
      }
      if let line { take(line, isProgress: byte == UInt8(ascii: "\r")) }
    }
  }

  func finish() {
    take(state.withLock { $0.rest }, isProgress: false)
  }

  private func take(_ line: [UInt8], isProgress: Bool) {
    let text = TemplateOrigin.withoutPassword(String(decoding: line, as: UTF8.self))
    guard text.contains(where: { !$0.isWhitespace }) else { return }
    if !isProgress {
      state.withLock { state in
        state.last.append(text)
        if state.last.count > Self.kept { state.last.removeFirst() }
      }
    }
    tell(text, isProgress)
  }
}

extension ProtocolError {
  /// - Parameter what: What was waited for.
  static func sourceTooSlow(_ what: String) -> ProtocolError {
    ProtocolError(
      .sourceUnavailable,
      "The template did not come in time: \(what) was stopped. Try again, or raise `templates.timeoutSeconds`.")
  }
}
