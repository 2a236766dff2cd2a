import BerthProtocol
import Platform

/// While it runs: readiness, and the ways to an end.
extension ProcessMachine {
  mutating func ready() -> [Effect] {
    guard phase == .up, !(isReady && observed.state == .running) else { return [] }
    isReady = true
    doubt = nil
    show(.running, observed.reason == .adopted ? .adopted : .requested)
    return [.clear(.startup), .set(.stable, seconds: plan.restart.stableSeconds)]
  }

  mutating func notReady(_ reason: AppReason, _ message: String) -> [Effect] {
    guard phase == .up else { return [] }
    doubt = (reason, message)
    if observed.state == .starting {
      observed.message = message
      return []
    }
    isReady = false
    show(.notReady, reason, message)
    return [.clear(.stable)]
  }

  mutating func rang(_ timer: Timer) -> [Effect] {
    switch timer {
    case .retry:
      guard phase == .pausing else { return [] }
      return begin()
    case .stable:
      if phase == .up { failures = 0 }
      return []
    case .startup:
      guard phase == .up, observed.state == .starting else { return [] }
      guard plan.awaitsReadiness else { return ready() }
      let reason = doubt?.reason ?? .readinessFailed
      let message = "It was not ready after \(plan.startTimeoutSeconds.inSeconds)"
      let detail = doubt.map { "\(message): \($0.message)" } ?? "\(message)."
      if plan.mustStartInTime { return end(.fail(.startupTimeout, detail), graceSeconds: nil) }
      show(.notReady, reason, detail)
      return []
    }
  }

  // MARK: Ending

  mutating func end(_ sequel: Sequel, graceSeconds: Double?) -> [Effect] {
    phase = .ending(sequel)
    if case .fail(let reason, let message) = sequel {
      show(.stopping, reason, message)
    } else {
      show(.stopping, .requested)
    }
    return [
      .endProbes, .clear(.stable), .clear(.startup),
      .end(plan, graceSeconds: graceSeconds ?? plan.stopGraceSeconds, command: true),
    ]
  }

  mutating func ended(_ exit: AppExit?) -> [Effect] {
    if let exit { observed.lastExit = exit }
    switch phase {
    case .ending(let sequel): return finish(sequel)
    case .up: return [.endProbes, .clear(.stable), .clear(.startup)] + endedByItself()
    case .idle, .preparing, .launching, .pausing: return []
    }
  }

  mutating func lost() -> [Effect] {
    let message = "What held its processes was killed; what was left of them has been ended."
    switch phase {
    case .ending(.fail), .up:
      return [.endProbes, .clear(.stable), .clear(.startup)] + failed(.lost, message)
    case .ending(let sequel): return finish(sequel)
    case .idle, .preparing, .launching, .pausing: return []
    }
  }

  /// What follows an end that was asked for.
  mutating func finish(_ sequel: Sequel) -> [Effect] {
    switch sequel {
    case .rest: return rest(.stopped, .requested)
    case .begin:
      failures = 0
      return begin()
    case .fail(let reason, let message): return failed(reason, message)
    }
  }

  mutating func endedByItself() -> [Effect] {
    let succeeded = observed.lastExit?.code == 0 && !hasLostMain
    var (reason, message) = describeExit()
    if hasOutgrownMemory { message += " The kernel killed processes of it, which took more memory than it may have." }
    switch plan.restart.condition {
    case .never, .onFailure:
      if succeeded { return rest(.exited, .exited, message) }
      return failed(reason, message)
    case .always: return failed(reason, message)
    }
  }

  private func describeExit() -> (AppReason, String) {
    guard let exit = observed.lastExit else { return (.exited, "It ended.") }
    if hasLostMain { return (.exited, "All of its processes ended.") }
    if let signal = exit.signal { return (.signalled, "It was ended by \(signal).") }
    return (.exited, "It ended with exit code \(exit.code ?? 0).")
  }

  /// A failure: it is tried again where the policy says so.
  private mutating func failed(_ reason: AppReason, _ message: String) -> [Effect] {
    guard plan.restart.condition != .never, reason != .launchFailed else { return rest(.failed, reason, message) }
    failures += 1
    observed.restarts += 1
    observed.pid = nil
    phase = .pausing
    let isLoop = plan.restart.isCrashLoop(failures: failures)
    let pause = plan.restart.pause(failures: failures, jitter: jitter)
    show(isLoop ? .crashLoop : .backoff, reason, message)
    observed.retrySeconds = pause
    return [.set(.retry, seconds: pause)]
  }

  mutating func rest(_ state: AppState, _ reason: AppReason, _ message: String? = nil) -> [Effect] {
    phase = .idle
    observed.pid = nil
    observed.processes = []
    show(state, reason, message)
    return []
  }
}
