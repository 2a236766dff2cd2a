package import BerthProtocol

/// What a supervised process does next: wanted and seen go in, effects come out. It touches nothing itself.
///
/// Whatever takes time (preparing, launching, ending) is an effect, and its outcome comes back as an input that names
/// the attempt it belongs to; what belongs to an earlier one is not listened to.
package struct ProcessMachine: Sendable {
  /// Something that was wanted or has happened.
  package enum Input: Sendable {
    /// It shall run. `immediately`: even where it waits for its next try.
    case start(immediately: Bool)
    /// It shall not run. - graceSeconds: Instead of the plan's.
    case stop(graceSeconds: Double?)
    /// It shall end and then run again.
    case restart
    /// A preparation tells what it is at.
    case preparing(attempt: Int, AppState, AppReason?, String?)
    case prepared(attempt: Int, ProcessPlan)
    case preparationFailed(attempt: Int, AppReason, String)
    case launched(attempt: Int, Launched)
    case launchFailed(attempt: Int, String)
    /// A server that has just started found it alive.
    case adopted(Launched, ProcessPlan)
    /// It ended while no server was there.
    case foundEnded(AppExit?, ProcessPlan, isWanted: Bool)
    case mainExited(AppExit)
    /// Nothing of the tree is left.
    case ended(AppExit?)
    /// What held the tree is gone without a word; what was left of the tree has been killed.
    case lost
    case ready
    case notReady(AppReason, String)
    case livenessFailed(String)
    /// The grace time is over, and these are left.
    case unkillable([Int])
    case timer(Timer)
  }

  /// A tree that runs.
  package struct Launched: Sendable, Hashable {
    package var pid: Int?
    package var startedAt: String

    package init(pid: Int?, startedAt: String) {
      self.pid = pid
      self.startedAt = startedAt
    }
  }

  package enum Timer: Sendable, Hashable {
    case retry, stable, startup
  }

  /// Something to be done.
  package enum Effect: Sendable, Hashable {
    case prepare(attempt: Int)
    case cancelPreparation
    case launch(attempt: Int)
    case beginProbes
    case endProbes
    /// - command: Whether the stop command is to be run first.
    case end(ProcessPlan, graceSeconds: Double, command: Bool)
    /// Replaces the timer of that kind.
    case set(Timer, seconds: Double)
    case clear(Timer)
  }

  enum Phase: Sendable, Hashable {
    case idle
    case preparing
    /// - stopGrace: It shall be ended as soon as it is there.
    case launching(then: Sequel?, grace: Double?)
    case up
    case ending(Sequel)
    case pausing
  }

  /// What comes after the end.
  enum Sequel: Sendable, Hashable {
    case rest
    case begin
    case fail(AppReason, String)
  }

  /// What is seen of it.
  package internal(set) var observed = ObservedProcess()
  var phase = Phase.idle
  var plan = ProcessPlan()
  /// Counts the starts that were begun.
  var attempt = 0
  /// Failures in a row.
  var failures = 0
  /// The first process has ended, and others lived on: its exit code says nothing of how they end.
  var hasLostMain = false
  /// The kernel has killed processes of it for the memory that they took, more than it may have.
  var hasOutgrownMemory = false
  var isReady = false
  /// A random number between 0 and 1, for the pause that may follow.
  var jitter = 0.5
  /// The latest thing that a readiness probe found.
  var doubt: (reason: AppReason, message: String)?

  package init() {}

  /// Goes on from what an earlier server saw last.
  mutating func restore(_ last: ObservedProcess) {
    observed = last
    observed.pid = nil
    observed.retrySeconds = nil
  }

  /// - Parameter jitter: A random number between 0 and 1.
  package mutating func handle(_ input: Input, jitter: Double) -> [Effect] {
    self.jitter = jitter
    switch input {
    case .start(let immediately): return start(immediately: immediately)
    case .stop(let grace): return stop(graceSeconds: grace)
    case .restart: return restart()
    case .preparing(let attempt, let state, let reason, let message):
      guard attempt == self.attempt, phase == .preparing else { return [] }
      show(state, reason, message)
      return []
    case .prepared(let attempt, let plan):
      guard attempt == self.attempt, phase == .preparing else { return [] }
      self.plan = plan
      phase = .launching(then: nil, grace: nil)
      show(.starting, .requested)
      return [.launch(attempt: attempt)]
    case .preparationFailed(let attempt, let reason, let message):
      guard attempt == self.attempt, phase == .preparing else { return [] }
      return rest(.failed, reason, message)
    case .launched(let attempt, let launched):
      guard attempt == self.attempt, case .launching(let sequel, let grace) = phase else { return [] }
      let effects = up(launched, .requested)
      guard let sequel else { return effects }
      return effects + end(sequel, graceSeconds: grace)
    case .launchFailed(let attempt, let message):
      guard attempt == self.attempt, case .launching(let sequel, _) = phase else { return [] }
      return finish(sequel ?? .fail(.launchFailed, message))
    case .adopted(let launched, let plan):
      guard phase == .idle else { return [] }
      self.plan = plan
      // What was ready is taken to be, until a probe says otherwise.
      isReady = observed.state == .running || !plan.awaitsReadiness
      return up(launched, .adopted)
    case .foundEnded(let exit, let plan, let isWanted):
      guard phase == .idle else { return [] }
      self.plan = plan
      if let exit { observed.lastExit = exit }
      return isWanted ? endedByItself() : rest(.stopped, .requested)
    case .mainExited(let exit):
      observed.lastExit = exit
      observed.pid = nil
      hasLostMain = true
      return []
    case .ended(let exit): return ended(exit)
    case .lost: return lost()
    case .ready: return ready()
    case .notReady(let reason, let message): return notReady(reason, message)
    case .livenessFailed(let message):
      guard phase == .up else { return [] }
      return end(.fail(.livenessFailed, message), graceSeconds: nil)
    case .unkillable(let processes):
      guard case .ending = phase else { return [] }
      observed.processes = processes
      show(.stopFailed, .unkillable, "These processes could not be ended: \(Self.list(processes)).")
      return []
    case .timer(let timer): return rang(timer)
    }
  }

  // MARK: What is wanted

  private mutating func start(immediately: Bool) -> [Effect] {
    switch phase {
    case .idle:
      failures = 0
      observed.restarts = 0
      return begin()
    case .pausing:
      guard immediately else { return [] }
      failures = 0
      observed.restarts = 0
      return [.clear(.retry)] + begin()
    case .launching(.some, _):
      phase = .launching(then: nil, grace: nil)
      show(.starting, .requested)
      return []
    case .ending(.fail) where !immediately && plan.restart.condition != .never:
      // It begins again by itself, after its pause.
      return []
    case .ending:
      phase = .ending(.begin)
      return []
    case .preparing, .launching, .up: return []
    }
  }

  private mutating func stop(graceSeconds: Double?) -> [Effect] {
    switch phase {
    case .idle:
      if observed.state != .stopped { show(.stopped, .requested) }
      return []
    case .preparing: return [.cancelPreparation] + rest(.stopped, .requested)
    case .launching:
      phase = .launching(then: .rest, grace: graceSeconds)
      show(.stopping, .requested)
      return []
    case .up: return end(.rest, graceSeconds: graceSeconds)
    case .ending:
      phase = .ending(.rest)
      guard let graceSeconds else { return [] }
      return [.end(plan, graceSeconds: graceSeconds, command: false)]
    case .pausing: return [.clear(.retry)] + rest(.stopped, .requested)
    }
  }

  private mutating func restart() -> [Effect] {
    switch phase {
    case .up: return end(.begin, graceSeconds: nil)
    case .preparing: return [.cancelPreparation] + begin()
    case .launching:
      phase = .launching(then: .begin, grace: nil)
      return []
    case .idle, .ending, .pausing: return start(immediately: true)
    }
  }

  // MARK: Steps

  mutating func begin() -> [Effect] {
    attempt += 1
    phase = .preparing
    doubt = nil
    isReady = false
    hasLostMain = false
    hasOutgrownMemory = false
    observed.processes = []
    show(.starting, .requested)
    return [.prepare(attempt: attempt)]
  }

  private mutating func up(_ launched: Launched, _ reason: AppReason) -> [Effect] {
    phase = .up
    observed.pid = launched.pid
    observed.startedAt = launched.startedAt
    hasLostMain = launched.pid == nil
    if isReady {
      show(.running, reason)
      return [.beginProbes, .set(.stable, seconds: plan.restart.stableSeconds)]
    }
    if plan.awaitsReadiness {
      show(.starting, reason)
      return [.beginProbes, .set(.startup, seconds: plan.startTimeoutSeconds)]
    }
    // One that ends at once has never been running.
    show(.starting, reason)
    return [.beginProbes, .set(.startup, seconds: plan.settleSeconds)]
  }

  mutating func show(_ state: AppState, _ reason: AppReason?, _ message: String? = nil) {
    observed.state = state
    observed.reason = reason
    observed.message = message
    observed.retrySeconds = nil
  }

  static func list(_ processes: [Int]) -> String { processes.map(String.init).joined(separator: ", ") }
}
