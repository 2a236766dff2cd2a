import BerthProtocol
import Testing

@testable import Supervisor

/// How it comes up, and how it is taken over.
@Suite struct ProcessReadinessTests {
  private static let probed = ProcessPlan(
    restart: .quick, awaitsReadiness: true, startTimeoutSeconds: 20, mustStartInTime: true)

  @Test func `it has so long to become ready, and nothing is done to a slow one`() {
    var machine = Machine(in: .starting)
    #expect(machine.effects.suffix(2) == [.beginProbes, .set(.startup, seconds: 60)])
    #expect(machine.handle(.notReady(.notListening, "Port 3000 has no listener")) == [])
    #expect(machine.observed.state == .starting && machine.observed.message == "Port 3000 has no listener")
    #expect(machine.handle(.timer(.startup)) == [])
    #expect(machine.observed.state == .notReady && machine.observed.reason == .notListening)
    #expect(machine.observed.message == "It was not ready after 60 s: Port 3000 has no listener")
    #expect(machine.observed.pid == 42)
    machine.handle(.ready)
    #expect(machine.observed.state == .running && machine.observed.message == nil)
  }

  @Test func `with a startup probe, one that is too slow is ended and tried again`() {
    var machine = Machine(in: .starting, Self.probed)
    let effects = machine.handle(.timer(.startup))
    #expect(effects.map(\.name) == ["endProbes", "clear stable", "clear startup", "end"])
    #expect(machine.observed.state == .stopping && machine.observed.reason == .startupTimeout)
    machine.handle(.ended(AppExit(signal: "SIGTERM", at: Machine.failure.at)))
    #expect(machine.observed.state == .backoff && machine.observed.reason == .startupTimeout)
    #expect(machine.observed.message == "It was not ready after 20 s.")
  }

  @Test func `a time that is over says nothing once it is ready`() {
    var machine = Machine(in: .running, Self.probed)
    #expect(machine.handle(.timer(.startup)) == [] && machine.observed.state == .running)
    machine.handle(.notReady(.readinessFailed, "it does not answer"))
    #expect(machine.handle(.timer(.startup)) == [] && machine.observed.state == .notReady)
  }

  @Test func `what tells nothing of its readiness is running when it has lived for a moment`() {
    var machine = Machine(in: .starting, ProcessPlan(restart: .quick))
    #expect(machine.effects.last == .set(.startup, seconds: 0.1) && machine.observed.state == .starting)
    #expect(machine.handle(.timer(.startup)) == [.clear(.startup), .set(.stable, seconds: 30)])
    #expect(machine.observed.state == .running)
  }

  @Test func `a failed liveness probe ends it, and it is started again`() {
    var machine = Machine(in: .running)
    let effects = machine.handle(.livenessFailed("`check` exited with 1"))
    #expect(effects.last == .end(.awaiting, graceSeconds: 10, command: true))
    #expect(machine.observed.state == .stopping && machine.observed.reason == .livenessFailed)
    // Told again before it has ended, nothing more is done.
    #expect(machine.handle(.livenessFailed("`check` exited with 1")) == [])
    machine.handle(.ended(AppExit(signal: "SIGKILL", at: Machine.failure.at)))
    #expect(machine.observed.state == .backoff && machine.observed.reason == .livenessFailed)
    #expect(machine.observed.message == "`check` exited with 1" && machine.observed.lastExit?.signal == "SIGKILL")
  }

  @Test func `processes that can't be ended are named, until they are gone`() {
    var machine = Machine(in: .stopping)
    machine.handle(.unkillable([7, 8]))
    #expect(machine.observed.state == .stopFailed && machine.observed.processes == [7, 8])
    #expect(machine.observed.message == "These processes could not be ended: 7, 8." && machine.observed.isSettled)
    machine.handle(.unkillable([8]))
    #expect(machine.observed.processes == [8])
    machine.handle(.ended(nil))
    #expect(machine.observed.state == .stopped && machine.observed.processes == [])
  }

  @Test func `a second stop may be in more of a hurry, and does not run the command again`() {
    var machine = Machine(in: .stopping)
    #expect(machine.handle(.stop(graceSeconds: nil)) == [])
    #expect(
      machine.handle(.stop(graceSeconds: 0.5)) == [.end(.awaiting, graceSeconds: 0.5, command: false)])
    #expect(Machine(in: .launchingToStop).machine.phase == .launching(then: .rest, grace: 3))
  }

  @Test func `a grace that is given with a stop stands above the plan's`() {
    var machine = Machine(in: .running)
    #expect(machine.handle(.stop(graceSeconds: 2)).last == .end(.awaiting, graceSeconds: 2, command: true))
    var early = Machine(in: .launchingToStop)
    let effects = early.handle(.launched(attempt: early.attempt, Machine.launched))
    #expect(effects.last == .end(.awaiting, graceSeconds: 3, command: true))
  }

  @Test func `what is found alive is running at once, unless it was not ready before`() {
    var last = ObservedProcess()
    last.state = .running
    last.restarts = 3
    var machine = Machine()
    machine.restore(last)
    #expect(machine.handle(.adopted(Machine.launched, .awaiting)).first == .beginProbes)
    #expect(machine.observed.state == .running && machine.observed.reason == .adopted)
    #expect(machine.observed.pid == 42 && machine.observed.restarts == 3)
    #expect(machine.handle(.adopted(Machine.launched, .awaiting)) == [])

    last.state = .starting
    machine = Machine()
    machine.restore(last)
    machine.handle(.adopted(Machine.launched, .awaiting))
    #expect(machine.observed.state == .starting)
    machine.handle(.ready)
    #expect(machine.observed.state == .running && machine.observed.reason == .adopted)
  }

  @Test func `what is found ended counts as if it had been seen to end`() {
    var machine = Machine()
    machine.handle(.foundEnded(Machine.failure, .awaiting, isWanted: true))
    #expect(machine.observed.state == .backoff && machine.observed.lastExit == Machine.failure)
    machine = Machine()
    machine.handle(.foundEnded(Machine.failure, .awaiting, isWanted: false))
    #expect(machine.observed.state == .stopped && machine.observed.lastExit == Machine.failure)
    var plan = ProcessPlan.awaiting
    plan.restart.condition = .onFailure
    machine = Machine()
    machine.handle(.foundEnded(Machine.success, plan, isWanted: true))
    #expect(machine.observed.state == .exited)
  }

  @Test func `what is lost is tried again, unless it was to end`() {
    var machine = Machine(in: .running)
    machine.handle(.lost)
    #expect(machine.observed.state == .backoff && machine.observed.reason == .lost && machine.observed.pid == nil)
    machine = Machine(in: .stopping)
    machine.handle(.lost)
    #expect(machine.observed.state == .stopped)
  }
}
