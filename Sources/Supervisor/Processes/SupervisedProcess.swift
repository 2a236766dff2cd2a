import BerthProtocol
import Platform
package import Streams
import Synchronization

/// One process tree that is kept as wanted.
///
/// Whatever happens to it comes as a letter into one mailbox, and is worked off in order: the machine decides, the
/// change is published, and the effects are carried out. Nobody else touches the tree.
package actor SupervisedProcess {
  package nonisolated let id: String
  let supervision: Supervision
  weak let owner: (any ProcessOwner)?
  nonisolated let latest = Mutex(ObservedProcess())
  /// Notified after each change of what is observed.
  package nonisolated let changes = ChangeSignal()
  nonisolated let mailbox: AsyncStream<Letter>.Continuation

  var machine = ProcessMachine()
  var launch: ProcessLaunch?
  var preparation: Task<Void, Never>?
  var timers: [ProcessMachine.Timer: Task<Void, Never>] = [:]
  var following: ShimFollower.Following?
  var ending: Task<Void, Never>?

  enum Letter: Sendable {
    case input(ProcessMachine.Input)
    case prepared(attempt: Int, ProcessLaunch)
    case recover(Legacy)
    case push(ShimPush)
    /// Everything before has been worked off.
    case mark(CheckedContinuation<Void, Never>)
  }

  /// - Parameter last: What an earlier server saw last.
  package init(
    _ id: String, last: ObservedProcess = ObservedProcess(), owner: any ProcessOwner, supervision: Supervision
  ) {
    self.id = id
    machine.restore(last)
    latest.withLock { $0 = last }
    self.owner = owner
    self.supervision = supervision
    let (letters, mailbox) = AsyncStream.makeStream(of: Letter.self)
    self.mailbox = mailbox
    Task(executorPreference: supervision.pool) { [weak self] in
      for await letter in letters { await self?.open(letter) }
    }
  }

  deinit { mailbox.finish() }

  // MARK: For others

  /// What is seen of it.
  package nonisolated var observed: ObservedProcess { latest.withLock { $0 } }

  package nonisolated func start(immediately: Bool) { mailbox.yield(.input(.start(immediately: immediately))) }
  package nonisolated func stop(graceSeconds: Double? = nil) {
    mailbox.yield(.input(.stop(graceSeconds: graceSeconds)))
  }
  package nonisolated func restart() { mailbox.yield(.input(.restart)) }

  /// Returns when all that was asked for before has been begun.
  package nonisolated func synchronize() async {
    await withCheckedContinuation { mailbox.yield(.mark($0)) }
  }

  /// Waits until what is observed fulfils a condition, or the time is over; nil for as
  /// long as it takes.
  ///
  /// - Returns: What is observed then.
  package nonisolated func wait(
    seconds: Double?, until condition: @escaping @Sendable (ObservedProcess) -> Bool
  ) async throws -> ObservedProcess {
    try await changes.wait(seconds: seconds) { condition(self.observed) }
    return observed
  }

  // MARK: Working off

  private func open(_ letter: Letter) {
    switch letter {
    case .input(let input): handle(input)
    case .prepared(let attempt, let launch):
      if attempt == machine.attempt { self.launch = launch }
      handle(.prepared(attempt: attempt, launch.plan))
    case .recover(let legacy): takeOver(legacy)
    case .push(let push): take(push)
    case .mark(let continuation): continuation.resume()
    }
  }

  func handle(_ input: ProcessMachine.Input) {
    let before = machine.observed
    let effects = machine.handle(input, jitter: .random(in: 0...1))
    if machine.observed != before {
      // Whoever waits for it may ask the owner next, who must know of it then.
      owner?.observed(id, machine.observed)
      latest.withLock { $0 = machine.observed }
      changes.notify()
    }
    for effect in effects { carryOut(effect) }
  }

  func post(_ input: ProcessMachine.Input) { mailbox.yield(.input(input)) }

  private func take(_ push: ShimPush) {
    switch push {
    case .mainExited(let exit):
      // Told again to each new follower.
      if machine.observed.pid != nil { handle(.mainExited(appExit(exit, at: Timestamp.now()))) }
    case .ready: launch?.probing?.noteReady()
    case .log, .notify, .room, .ended: break
    case .disconnected: settle()
    }
  }

  /// The shim has gone: what has it left behind?
  private func settle() {
    following = nil
    ending?.cancel()
    let folder = supervision.folder(of: id)
    owner?.wroteOutput(id)
    do throws(ShimError) {
      switch try folder.state(id: id) {
      case .alive: follow()
      case .ended(let exit):
        let end = self.end(of: exit)
        clear(folder)
        handle(.ended(end))
      case .lost(let record):
        Leftovers.end(of: id, main: record)
        clear(folder)
        handle(.lost)
      case .empty: handle(.lost)
      }
    } catch {
      Leftovers.end(of: id, main: nil)
      clear(folder)
      handle(.lost)
    }
  }

  // MARK: Parts

  func clear(_ folder: ShimFolder) {
    try? folder.remove()
    supervision.cgroups?.remove(id)
  }

  /// How a tree ended that has ended, for the machine.
  func end(of exit: ShimExit) -> AppExit? {
    guard let main = exit.record.mainExit else { return nil }
    let mainEnded = exit.record.mainEndedNanoseconds ?? exit.endedNanoseconds
    machine.hasLostMain = exit.endedNanoseconds - mainEnded > Self.togetherNanoseconds
    machine.hasOutgrownMemory = (supervision.cgroups?.number("oom_kill", in: "memory.events", of: id) ?? 0) > 0
    return appExit(main, at: Timestamp.string(nanosecondsSince1970: mainEnded))
  }

  /// What the first process leaves behind and ends within this time ended with it.
  private static let togetherNanoseconds: Int64 = 50_000_000

  func appExit(_ exit: ProcessExit, at time: String) -> AppExit {
    let lines = owner?.lastLines(id) ?? []
    return switch exit {
    case .code(let code): AppExit(code: Int(code), at: time, lines: lines)
    case .signal(let number): AppExit(signal: SignalName.of(number), at: time, lines: lines)
    }
  }
}
