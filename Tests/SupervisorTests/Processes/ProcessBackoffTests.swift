import BerthProtocol
import Testing

@testable import Supervisor

/// What follows a failure, and how it is forgotten.
@Suite struct ProcessBackoffTests {
  @Test func `each pause is twice the one before, up to the longest`() {
    var machine = Machine(in: .running)
    var pauses: [Double?] = []
    for _ in 1...5 {
      machine.handle(.ended(Machine.failure))
      #expect(machine.observed.state == .backoff)
      pauses.append(machine.observed.retrySeconds)
      machine.handle(.timer(.retry))
      machine.run()
    }
    #expect(pauses == [1, 2, 4, 8, 8])
  }

  @Test func `pauses differ by a fifth either way, and never more`() {
    for failures in 1...5 {
      let pauses = [0, 0.5, 1].map { RestartPolicy.quick.pause(failures: failures, jitter: $0) }
      #expect(abs(pauses[0] - 0.8 * pauses[1]) < 1e-9 && abs(pauses[2] - 1.2 * pauses[1]) < 1e-9)
    }
    let pause = RestartPolicy(.always, initialBackoffSeconds: 0.5, maximumBackoffSeconds: 0.5).pause(
      failures: 1, jitter: 0)
    #expect(pause == 0.4)
    // However often it has failed.
    let many = RestartPolicy(.always, crashLoopFailures: .max).pause(failures: 1_000_000, jitter: 0.5)
    #expect(many == 60)
  }

  @Test func `after so many failures in a row it is a crash loop, which is tried seldom`() {
    var machine = Machine(in: .running)
    for failure in 1...7 {
      machine.jitter = failure == 7 ? 1 : 0
      machine.handle(.ended(Machine.failure))
      #expect(machine.observed.state == (failure < 6 ? .backoff : .crashLoop))
      #expect(machine.observed.restarts == failure && machine.observed.lastExit == Machine.failure)
      #expect(machine.observed.message == "It ended with exit code 1.")
      if failure == 6 { #expect(machine.observed.retrySeconds == 90) }
      if failure == 7 { #expect(machine.observed.retrySeconds.map { abs($0 - 110) < 1e-9 } == true) }
      machine.handle(.timer(.retry))
      machine.run()
    }
  }

  @Test func `what was stable for long enough begins anew with the shortest pause`() {
    var machine = Machine(in: .running)
    for _ in 1...3 {
      machine.handle(.ended(Machine.failure))
      machine.handle(.timer(.retry))
      machine.run()
    }
    #expect(machine.handle(.timer(.stable)) == [])
    machine.handle(.ended(Machine.failure))
    #expect(machine.observed.retrySeconds == 1)
    // It still counts how often it was started by itself.
    #expect(machine.observed.restarts == 4)
  }

  @Test func `time in which it is not ready does not count as stable`() {
    var machine = Machine(in: .running)
    #expect(machine.effects.last == .set(.stable, seconds: 30))
    #expect(machine.handle(.notReady(.notListening, "nobody listens")) == [.clear(.stable)])
    #expect(machine.handle(.ready) == [.clear(.startup), .set(.stable, seconds: 30)])
  }

  @Test func `who asks for a start has it at once, and with all forgotten`() {
    for input in [Machine.Input.start(immediately: true), .restart] {
      var machine = Machine(in: .running)
      for _ in 1...6 {
        machine.handle(.ended(Machine.failure))
        if machine.observed.state == .crashLoop { break }
        machine.handle(.timer(.retry))
        machine.run()
      }
      #expect(machine.observed.state == .crashLoop)
      #expect(machine.handle(.start(immediately: false)) == [] && machine.observed.state == .crashLoop)
      machine.handle(input)
      machine.run()
      #expect(machine.observed.restarts == 0)
      machine.handle(.ended(Machine.failure))
      #expect(machine.observed.state == .backoff && machine.observed.retrySeconds == 1)
    }
  }

  @Test(
    arguments: [
      (.always, .start(immediately: false), .backoff), (.always, .start(immediately: true), .starting),
      (.always, .restart, .starting), (.always, .stop(graceSeconds: nil), .stopped),
      (.onFailure, .start(immediately: false), .backoff), (.onFailure, .start(immediately: true), .starting),
      (.never, .start(immediately: false), .starting), (.never, .start(immediately: true), .starting),
    ] as [(RestartPolicy.Condition, ProcessMachine.Input, AppState)])
  func `what is wanted while one that hangs is ended does not spare it its pause, unless at once`(
    _ condition: RestartPolicy.Condition, _ input: ProcessMachine.Input, _ state: AppState
  ) {
    var plan = ProcessPlan.awaiting
    plan.restart.condition = condition
    var machine = Machine(in: .failing, plan)
    machine.handle(input)
    #expect(machine.observed.state == .stopping)
    machine.handle(.ended(Machine.failure))
    #expect(machine.observed.state == state)
    #expect(machine.observed.retrySeconds == (state == .backoff ? 1 : nil))
    #expect(machine.observed.restarts == (state == .backoff ? 1 : 0))
  }

  @Test(
    arguments: [
      (.always, Machine.success, .backoff), (.always, Machine.failure, .backoff),
      (.onFailure, Machine.success, .exited), (.onFailure, Machine.failure, .backoff),
      (.never, Machine.success, .exited), (.never, Machine.failure, .failed),
    ] as [(RestartPolicy.Condition, AppExit, AppState)])
  func `the policy says which ends are followed by a start`(
    _ condition: RestartPolicy.Condition, _ exit: AppExit, _ state: AppState
  ) {
    var plan = ProcessPlan.awaiting
    plan.restart.condition = condition
    var machine = Machine(in: .running, plan)
    machine.handle(.ended(exit))
    #expect(machine.observed.state == state && machine.observed.pid == nil)
    #expect(machine.observed.reason == .exited && machine.observed.lastExit == exit)
  }

  @Test func `the exit code of a shell that left daemons behind says nothing of their end`() {
    var plan = ProcessPlan.awaiting
    plan.restart.condition = .onFailure
    var machine = Machine(in: .running, plan)
    machine.handle(.mainExited(Machine.success))
    #expect(machine.observed.state == .running && machine.observed.pid == nil)
    machine.handle(.ended(Machine.success))
    #expect(machine.observed.state == .backoff && machine.observed.message == "All of its processes ended.")
  }

  @Test func `what can't be launched is not tried again by itself`() {
    var machine = Machine(in: .launching)
    machine.handle(.launchFailed(attempt: machine.attempt, "there is no such folder"))
    #expect(machine.observed.state == .failed && machine.observed.reason == .launchFailed)
    #expect(machine.observed.message == "there is no such folder" && machine.handle(.timer(.retry)) == [])
  }

  @Test func `a signal is named`() {
    var machine = Machine(in: .running)
    machine.handle(.ended(AppExit(signal: "SIGSEGV", at: Machine.failure.at)))
    #expect(machine.observed.reason == .signalled && machine.observed.message == "It was ended by SIGSEGV.")
  }
}
