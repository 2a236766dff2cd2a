import BerthProtocol
import Glibc
import JSON
import Platform
import Supervisor
import Synchronization

/// A command of a model's. It runs under a shim, so that nothing of its tree is left when it ends, takes too long or is
/// cancelled, and also when its server is killed and another one looks after what was left.
struct CommandTool: Sendable {
  /// Names the tree: `trm_…`.
  let id: String
  let command: String
  /// The working folder, an absolute path.
  let directory: String
  /// What it may change, an absolute path.
  let workspace: String
  let environment: [String]
  let secrets: [String]
  let seconds: Double
  let sandbox: CommandSandbox?
  let supervision: Supervision
  let grace: CommandGrace

  private static let headBytes = 10 << 10
  private static let tailBytes = 22 << 10
  private static let maximumFileBytes: UInt64 = 16 << 30
  private static let maximumProcesses: UInt64 = 16384
  /// `RLIMIT_NPROC`, which is a macro that Swift does not see.
  private static let processesLimit: __rlimit_resource_t = 6

  /// Runs it, and returns when nothing of it is left.
  ///
  /// - Throws: `ToolFault` where it can't be started; `CancellationError`, after it has been ended.
  func run() async throws -> ToolResult {
    let (events, sink) = AsyncStream.makeStream(of: HeldProgram.Event.self)
    let program: HeldProgram
    do throws(ShimError) {
      program = try HeldProgram.start(id, plan, supervision: supervision) { event in
        sink.yield(event)
        if event == .ended { sink.finish() }
      }
    } catch {
      HeldProgram.remove(id, supervision: supervision)
      throw ToolFault("The command could not be started: \(error)")
    }
    defer { program.remove() }
    let deadline = Task(executorPreference: supervision.pool) {
      guard (try? await Task.sleep(for: .seconds(seconds))) != nil else { return false }
      program.stop(graceSeconds: grace.seconds)
      return true
    }
    defer { deadline.cancel() }
    // A task of its own: one that is cancelled would be told at once that nothing more comes, and not when the tree has
    // ended.
    let end = Task(executorPreference: supervision.pool) { try await follow(program, events) }
    let outcome = await withTaskCancellationHandler {
      await end.result
    } onCancel: {
      program.stop(graceSeconds: grace.seconds)
    }
    let exit = program.exit
    // Its shim was killed, and the rest of the tree goes on.
    if exit == nil { Leftovers.clear(id, in: supervision) }
    try Task.checkCancellation()
    deadline.cancel()
    return result(exit, try outcome.get(), isLate: await deadline.value)
  }

  private func follow(_ program: HeldProgram, _ events: AsyncStream<HeldProgram.Event>) async throws -> String {
    var output = program.output(after: nil)
    var excerpt = ByteExcerpt(headBytes: Self.headBytes, tailBytes: Self.tailBytes)
    func read(isFinal: Bool) throws {
      program.beginReading()
      var isAll = false
      while !isAll {
        isAll = try output.read(wantedBytes: 1 << 20, isFinal: isFinal) { line in
          excerpt.add(line.text)
          excerpt.add(CollectionOfOne(UInt8(ascii: "\n")))
        }
        program.forgetOutput(before: output.places)
      }
    }
    var failure: (any Error)?
    for await event in events {
      switch event {
      case .output:
        guard failure == nil else { continue }
        do {
          try read(isFinal: false)
        } catch {
          failure = error
          // It would wait for ever for its output to be read.
          program.stop(graceSeconds: 0)
        }
      case .mainExited: program.stop(graceSeconds: grace.seconds)
      case .room, .ended: break
      }
    }
    if let failure { throw failure }
    try read(isFinal: true)
    return excerpt.text
  }

  private func result(_ exit: ProcessExit?, _ output: String, isLate: Bool) -> ToolResult {
    let ending: String
    switch exit {
    case _ where isLate: ending = "[ended, since it took longer than \(Int(seconds)) s]"
    case .code(let code)?: ending = "[exit code \(code)]"
    case .signal(let signal)?: ending = "[ended by signal \(signal)]"
    case nil: ending = "[what held it was killed]"
    }
    return ToolResult(text: output + ending, isFailure: isLate || exit != .code(0))
  }

  private var plan: HeldProgram.Plan {
    // Into one pipe, so that lines of both kinds come in the order in which they were written.
    let words = ["/bin/sh", "-c", "exec /bin/sh -c \"$0\" 2>&1", command]
    let home = environment.first { $0.hasPrefix("HOME=") }.map { String($0.dropFirst(5)) }
    var plan = HeldProgram.Plan(
      arguments: sandbox?.arguments(for: words, workspace: workspace, directory: directory, home: home) ?? words,
      environment: sandbox == nil ? environment : CommandSandbox.environment(environment),
      directory: directory)
    plan.secrets = secrets
    plan.hasInput = false
    plan.limits = [
      .init(.core, soft: 0, hard: 0),
      Self.limit(.fsize, __rlimit_resource_t(RLIMIT_FSIZE.rawValue), Self.maximumFileBytes),
      Self.limit(.nproc, Self.processesLimit, Self.maximumProcesses),
    ]
    return plan
  }

  /// A limit, or the server's own where that is less: it could not be raised.
  private static func limit(
    _ resource: ShimSpecification.Limit.Resource, _ number: __rlimit_resource_t, _ wanted: UInt64
  ) -> ShimSpecification.Limit {
    var now = rlimit()
    guard getrlimit(number, &now) == 0 else {
      return .init(resource, soft: wanted, hard: nil)
    }
    return .init(resource, soft: min(wanted, UInt64(now.rlim_cur)), hard: min(wanted, UInt64(now.rlim_max)))
  }
}

/// How long a command's tree has to end by itself, in seconds: less where its run has less time.
final class CommandGrace: Sendable {
  private let value = Mutex(2.0)

  var seconds: Double { value.withLock { $0 } }

  func shorten(to seconds: Double) { value.withLock { $0 = min($0, max(0, seconds)) } }
}
