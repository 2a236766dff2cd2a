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
  private weak let owner: (any ProcessOwner)?
  private nonisolated let latest = Mutex(ObservedProcess())
  /// Notified after each change of what is observed.
  package nonisolated let changes = ChangeSignal()
  private nonisolated let mailbox: AsyncStream<Letter>.Continuation

  private var machine = ProcessMachine()
  private var launch: ProcessLaunch?
  private var preparation: Task<Void, Never>?
  private var timers: [ProcessMachine.Timer: Task<Void, Never>] = [:]
  private var following: ShimFollower.Following?
  private var ending: Task<Void, Never>?

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

  // MARK: Taking over

  /// What an earlier server has left.
  package struct Legacy: Sendable {
    /// Whether the process is to run.
    package var isWanted: Bool
    /// Whether the machine was started anew since: what had ended in good order begins again then.
    package var wasRebooted: Bool
    /// How it was started, as far as that is known.
    package var launch: ProcessLaunch

    package init(isWanted: Bool, wasRebooted: Bool, launch: ProcessLaunch) {
      self.isWanted = isWanted
      self.wasRebooted = wasRebooted
      self.launch = launch
    }
  }

  /// Takes over what is there. To be called before anything else is asked for.
  package nonisolated func recover(_ legacy: Legacy) { mailbox.yield(.recover(legacy)) }

  private func takeOver(_ legacy: Legacy) {
    let folder = supervision.folder(of: id)
    do throws(ShimError) {
      switch try folder.state(id: id) {
      case .alive(let status): return adopt(status, legacy)
      case .ended(let exit):
        clear(folder)
        // What ended with the machine did not end of its own accord.
        guard legacy.wasRebooted, legacy.isWanted else {
          return handle(.foundEnded(appExit(exit), legacy.launch.plan, isWanted: legacy.isWanted))
        }
      case .lost(let record):
        Leftovers.end(of: id, main: record)
        clear(folder)
      case .empty: break
      }
    } catch {
      // A shim that does not answer: what it holds is ended with it.
      Leftovers.end(of: id, main: nil)
      clear(folder)
    }
    guard legacy.isWanted else { return handle(.stop(graceSeconds: nil)) }
    let last = machine.observed.state
    if !legacy.wasRebooted, last == .exited || last == .failed { return }
    handle(.start(immediately: true))
  }

  private func adopt(_ status: ShimStatus, _ legacy: Legacy) {
    launch = legacy.launch
    let record = status.record
    let pid = record.mainExit == nil ? Int(record.main.processID) : nil
    let launched = ProcessMachine.Launched(
      pid: pid, startedAt: Timestamp.string(nanosecondsSince1970: record.startedNanoseconds))
    handle(.adopted(launched, legacy.launch.plan))
    if let exit = record.mainExit {
      let ended = record.mainEndedNanoseconds ?? record.startedNanoseconds
      handle(.mainExited(appExit(exit, at: Timestamp.string(nanosecondsSince1970: ended))))
    }
    follow()
    if !legacy.isWanted { handle(.stop(graceSeconds: nil)) }
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

  private func handle(_ input: ProcessMachine.Input) {
    let before = machine.observed
    let effects = machine.handle(input, jitter: .random(in: 0...1))
    if machine.observed != before {
      latest.withLock { $0 = machine.observed }
      owner?.observed(id, machine.observed)
      changes.notify()
    }
    for effect in effects { carryOut(effect) }
  }

  private func post(_ input: ProcessMachine.Input) { mailbox.yield(.input(input)) }

  private func take(_ push: ShimPush) {
    switch push {
    case .log:
      owner?.wroteOutput(id)
      launch?.probing?.noteOutput()
    case .mainExited(let exit):
      // Told again to each new follower.
      if machine.observed.pid != nil { handle(.mainExited(appExit(exit, at: Timestamp.now()))) }
    case .ready: launch?.probing?.noteReady()
    case .notify, .room, .ended: break
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
        clear(folder)
        handle(.ended(appExit(exit)))
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

  // MARK: Effects

  private func carryOut(_ effect: ProcessMachine.Effect) {
    switch effect {
    case .prepare(let attempt): prepare(attempt)
    case .cancelPreparation:
      preparation?.cancel()
      preparation = nil
    case .launch(let attempt): start(attempt)
    case .beginProbes:
      launch?.probing?.begin { [mailbox] finding in
        switch finding {
        case .ready: mailbox.yield(.input(.ready))
        case .notReady(let reason, let message): mailbox.yield(.input(.notReady(reason, message)))
        case .livenessFailed(let message): mailbox.yield(.input(.livenessFailed(message)))
        }
      }
    case .endProbes: launch?.probing?.end()
    case .end(let plan, let grace, let command): end(plan, graceSeconds: grace, command: command)
    case .set(let timer, let seconds):
      timers[timer]?.cancel()
      timers[timer] = Task(executorPreference: supervision.pool) { [mailbox] in
        guard (try? await Task.sleep(for: .seconds(seconds))) != nil else { return }
        mailbox.yield(.input(.timer(timer)))
      }
    case .clear(let timer): timers.removeValue(forKey: timer)?.cancel()
    }
  }

  private func prepare(_ attempt: Int) {
    preparation?.cancel()
    preparation = Task(executorPreference: supervision.pool) { [id, owner, mailbox] in
      do {
        guard let owner else { return }
        let launch = try await owner.prepare(id) { state, reason, message in
          mailbox.yield(.input(.preparing(attempt: attempt, state, reason, message)))
        }
        mailbox.yield(.prepared(attempt: attempt, launch))
      } catch let failure as PreparationFailure {
        mailbox.yield(.input(.preparationFailed(attempt: attempt, failure.reason, failure.message)))
      } catch {
        mailbox.yield(.input(.preparationFailed(attempt: attempt, .launchFailed, "\(error)")))
      }
    }
  }

  private func start(_ attempt: Int) {
    guard let launch else { return post(.launchFailed(attempt: attempt, "There is nothing to start.")) }
    let folder = supervision.folder(of: id)
    do {
      clear(folder)
      try Home.createPrivateFolder(folder.path)
      try Home.createPrivateFolder(launch.specification.log.folder)
      var specification = launch.specification
      specification.environment.append(Leftovers.mark(of: id))
      specification.cgroup = supervision.cgroups?.make(id, launch.limits)
      let started = try Shim.launch(specification, in: folder.path, executable: supervision.shim)
      post(
        .launched(
          attempt: attempt, .init(pid: Int(started.main.processID), startedAt: Timestamp.now())))
      follow()
    } catch {
      post(.launchFailed(attempt: attempt, "It could not be started: \(error)."))
    }
  }

  private func follow() {
    do throws(ShimError) {
      following = try supervision.follower.follow(supervision.folder(of: id).path) { [mailbox] push in
        mailbox.yield(.push(push))
      }
    } catch {
      // It has ended already.
      mailbox.yield(.push(.disconnected))
    }
  }

  private func end(_ plan: ProcessPlan, graceSeconds: Double, command: Bool) {
    ending?.cancel()
    let control = ShimControl(folder: supervision.folder(of: id).path)
    let until = Timestamp.monotonicNanoseconds() + Int64(graceSeconds * 1e9)
    let command = command ? plan.stopCommand : nil
    let specification = launch?.specification
    ending = Task(executorPreference: supervision.pool) { [id, supervision, mailbox] in
      if let command, let specification {
        // What the tree was started with, to the letter, even where another server has started it.
        let environment = Self.environment(of: control) ?? specification.environment
        _ = try? await ShimCommand("\(id).stop", supervision: supervision).run(
          command, environment: environment, directory: specification.directory, secrets: specification.secrets,
          timeoutSeconds: graceSeconds)
      }
      let rest = max(0, until - Timestamp.monotonicNanoseconds())
      // Where it is gone, whoever follows the shim hears of it.
      try? control.stop(signal: plan.stopSignal, graceMilliseconds: Int(rest / 1_000_000))
      guard (try? await Task.sleep(for: .nanoseconds(rest + Self.killSeconds * 1_000_000_000))) != nil else { return }
      while !Task.isCancelled {
        guard let left = try? control.processes(), !left.isEmpty else { return }
        mailbox.yield(.input(.unkillable(left.map { Int($0.identity.processID) })))
        guard (try? await Task.sleep(for: .seconds(5))) != nil else { return }
      }
    }
  }

  /// How long processes that were killed have to be gone.
  private static let killSeconds: Int64 = 1

  // MARK: Parts

  /// The environment of the tree's oldest process.
  private static func environment(of control: ShimControl) -> [String]? {
    guard let processes = try? control.processes(),
      let oldest = processes.min(by: { $0.identity.start < $1.identity.start }),
      let bytes = try? ProcFile.read("/proc/\(oldest.identity.processID)/environ", limitBytes: 4 << 20),
      !bytes.isEmpty
    else { return nil }
    return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
  }

  private func clear(_ folder: ShimFolder) {
    try? folder.remove()
    supervision.cgroups?.remove(id)
  }

  private func appExit(_ exit: ShimExit) -> AppExit? {
    guard let main = exit.record.mainExit else { return nil }
    return appExit(main, at: Timestamp.string(nanosecondsSince1970: exit.endedNanoseconds))
  }

  private func appExit(_ exit: ProcessExit, at time: String) -> AppExit {
    let lines = owner?.lastLines(id) ?? []
    return switch exit {
    case .code(let code): AppExit(code: Int(code), at: time, lines: lines)
    case .signal(let number): AppExit(signal: SignalName.of(number), at: time, lines: lines)
    }
  }
}
