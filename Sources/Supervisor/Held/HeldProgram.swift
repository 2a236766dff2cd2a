package import Platform
import Streams
import Synchronization

/// A program under a shim, whose input and output belong to whoever serves: what it reads and writes is passed on
/// exactly once, over any number of servers.
package final class HeldProgram: Sendable {
  /// What becomes of it.
  package enum Event: Sendable, Hashable {
    /// There is output to be read. Not told again until a reading has begun.
    case output
    /// There is room for input again.
    case room
    /// Its first process has ended; others may live on.
    case mainExited(ProcessExit)
    /// Nothing of it is left, or its shim was killed.
    case ended
  }

  /// How to start one.
  package struct Plan: Sendable {
    package var arguments: [String]
    package var environment: [String]
    package var directory: String
    package var secrets: [String] = []
    package var limits: [ShimSpecification.Limit] = []
    /// Whether it is sent input; otherwise it finds its end at once.
    package var hasInput = true

    package init(arguments: [String], environment: [String], directory: String) {
      self.arguments = arguments
      self.environment = environment
      self.directory = directory
    }
  }

  package let id: String
  /// Its first process.
  package let processID: Int32
  private let folder: ShimFolder
  private let control: ShimControl
  private let supervision: Supervision
  private let outputIsTold = Atomic(false)
  /// The segment before which all are removed.
  private let forgotten = Mutex<UInt64>(1)
  private let following = Mutex<ShimFollower.Following?>(nil)

  private static let segmentBytes = 8 << 20
  private static let segments = 16

  private init(_ id: String, processID: Int32, _ supervision: Supervision) {
    self.id = id
    self.processID = processID
    self.supervision = supervision
    folder = supervision.folder(of: id)
    control = ShimControl(folder: folder.path)
  }

  private static func logFolder(_ id: String, _ supervision: Supervision) -> String {
    supervision.folder(of: id).path + ".log"
  }

  /// Starts a program.
  ///
  /// - Parameters:
  ///   - id: Names it: a later server takes it over by this.
  ///   - tell: Called on a thread that serves others too; it must not block.
  /// - Throws: `launch` and what else `Shim.launch` throws; nothing is left then.
  package static func start(
    _ id: String, _ plan: Plan, supervision: Supervision, tell: @escaping @Sendable (Event) -> Void
  ) throws(ShimError) -> HeldProgram {
    let folder = supervision.folder(of: id)
    let logs = logFolder(id, supervision)
    do throws(SystemError) {
      try Home.createPrivateFolder(folder.path)
      try Home.createPrivateFolder(logs)
    } catch {
      throw ShimError(error, else: .launch)
    }
    var specification = ShimSpecification(
      id: id, arguments: plan.arguments, environment: plan.environment + [Leftovers.mark(of: id)],
      directory: plan.directory, log: .init(folder: logs, segmentBytes: segmentBytes, segments: segments))
    specification.log.holds = true
    specification.secrets = plan.secrets
    specification.limits = plan.limits
    specification.input = plan.hasInput ? .pipe : .null
    let started = try supervision.launch(specification, in: folder)
    let program = HeldProgram(id, processID: started.main.processID, supervision)
    program.follow(tell)
    return program
  }

  /// Keeps a file for a program that is to be started, readable by this user only; it goes with the program.
  ///
  /// - Returns: Its path.
  package static func keep(
    _ bytes: [UInt8], as name: String, of id: String, supervision: Supervision
  ) throws(SystemError) -> String {
    let folder = logFolder(id, supervision)
    try Home.createPrivateFolder(folder)
    let path = "\(folder)/\(name)"
    try SmallFile.replace(path, with: bytes)
    return path
  }

  /// What an earlier server has left of a program.
  package enum Found: Sendable {
    /// It lives, or has ended in order: what it has written can be read either way.
    case program(HeldProgram)
    /// Its shim was killed; what was left of it is ended. What it has written can be read.
    case lost(HeldProgram)
    /// It was never started.
    case nothing
  }

  /// Takes over what an earlier server has started.
  package static func takeOver(
    _ id: String, supervision: Supervision, tell: @escaping @Sendable (Event) -> Void
  ) throws(ShimError) -> Found {
    switch try supervision.folder(of: id).state(id: id) {
    case .alive(let status):
      let program = HeldProgram(id, processID: status.record.main.processID, supervision)
      program.follow(tell)
      return .program(program)
    case .ended(let exit):
      let program = HeldProgram(id, processID: exit.record.main.processID, supervision)
      tell(.output)
      tell(.ended)
      return .program(program)
    case .lost(let record):
      Leftovers.end(of: id, main: record)
      return .lost(HeldProgram(id, processID: record.main.processID, supervision))
    case .empty:
      supervision.removeFolder(id)
      supervision.removeFolder(id + ".log")
      return .nothing
    }
  }

  private func follow(_ tell: @escaping @Sendable (Event) -> Void) {
    // Owned by the follower until the shim has gone: whoever follows holds the program.
    let onPush: @Sendable (ShimPush) -> Void = { [self] push in
      switch push {
      case .log:
        if !outputIsTold.exchange(true, ordering: .sequentiallyConsistent) { tell(.output) }
      case .mainExited(let exit): tell(.mainExited(exit))
      case .room: tell(.room)
      case .disconnected: tell(.ended)
      case .ready, .notify, .ended: break
      }
    }
    do throws(ShimError) {
      let followed = try supervision.follower.follow(folder.path, onPush: onPush)
      following.withLock { $0 = followed }
    } catch {
      // It has ended in between.
      tell(.output)
      tell(.ended)
    }
  }

  /// Takes no further part in it; it goes on.
  package func letGo() {
    let followed = following.withLock { following in
      defer { following = nil }
      return following
    }
    if let followed { supervision.follower.cancel(followed) }
  }

  // MARK: Output

  /// A reader of its output.
  package func output(after places: HeldOutput.Places?) -> HeldOutput {
    HeldOutput(folder: Self.logFolder(id, supervision), after: places, segmentBytes: Self.segmentBytes)
  }

  /// To be called before a reading that follows `Event.output`.
  package func beginReading() {
    outputIsTold.store(false, ordering: .sequentiallyConsistent)
  }

  /// Removes what will not be read again: a program that has written as much as is kept waits for that.
  package func forgetOutput(before places: HeldOutput.Places) {
    let segment = places.segment
    let isNew = forgotten.withLock { forgotten in
      guard segment > forgotten else { return false }
      forgotten = segment
      return true
    }
    if isNew { try? control.trim(below: Int(segment)) }
  }

  // MARK: Input

  /// How many bytes of input it has taken; nil where it has gone.
  package var inputBytes: Int? { try? control.status().inputBytes }

  /// Sends it input.
  ///
  /// - Parameter offset: How many bytes were sent before.
  /// - Throws: `refused` where nobody reads it any more; `gone`.
  package func send(_ bytes: some Collection<UInt8>, at offset: Int) throws(ShimError) -> ShimControl.InputResult {
    try control.input(bytes, at: offset)
  }

  /// Tells it that its input has ended.
  package func endInput(at offset: Int) throws(ShimError) -> ShimControl.InputResult {
    try control.endInput(at: offset)
  }

  // MARK: Ending

  /// Has all of it end, and returns at once.
  package func stop(signal: Int32 = 15, graceSeconds: Double) {
    try? control.stop(signal: signal, graceMilliseconds: Int(min(graceSeconds, 86_400) * 1000))
  }

  /// How its first process ended; nil while it lives, and where nobody knows.
  package var exit: ProcessExit? {
    if let exit = try? folder.exit()?.record.mainExit { return exit }
    return try? control.status().record.mainExit
  }

  /// Removes what is left on disk of one that has ended.
  package func remove() {
    letGo()
    Self.remove(id, supervision: supervision)
  }

  /// The same for one that is known by its name only.
  package static func remove(_ id: String, supervision: Supervision) {
    supervision.removeFolder(id)
    supervision.removeFolder(id + ".log")
  }
}
