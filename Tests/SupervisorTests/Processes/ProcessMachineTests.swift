import BerthProtocol
import Testing

@testable import Supervisor

/// Every place × everything that can be wanted or happen.
@Suite struct ProcessMachineTests {
  private static let ending = ["endProbes", "clear stable", "clear startup", "end"]
  private static let failing = ["endProbes", "clear stable", "clear startup", "set retry"]

  /// What is seen afterwards, and what is to be done.
  struct Step: CustomTestStringConvertible {
    var place: Machine.Place
    var input: String
    var state: AppState
    var effects: [String] = []

    var testDescription: String { "\(place) + \(input)" }
  }

  private static func input(_ name: String, _ attempt: Int) -> Machine.Input {
    switch name {
    case "start": .start(immediately: false)
    case "start at once": .start(immediately: true)
    case "stop": .stop(graceSeconds: nil)
    case "restart": .restart
    case "preparing": .preparing(attempt: attempt, .settingUp, .requested, "it is being made")
    case "prepared": .prepared(attempt: attempt, .awaiting)
    case "preparation failed": .preparationFailed(attempt: attempt, .setupFailed, "it can't be made")
    case "launched": .launched(attempt: attempt, Machine.launched)
    case "launch failed": .launchFailed(attempt: attempt, "there is no such program")
    case "adopted": .adopted(Machine.launched, .awaiting)
    case "found ended": .foundEnded(Machine.failure, .awaiting, isWanted: false)
    case "main exited": .mainExited(Machine.success)
    case "ended": .ended(Machine.failure)
    case "lost": .lost
    case "ready": .ready
    case "not ready": .notReady(.notListening, "nobody listens")
    case "not live": .livenessFailed("it hangs")
    case "unkillable": .unkillable([7, 8])
    case "retry": .timer(.retry)
    case "stable": .timer(.stable)
    default: .timer(.startup)
    }
  }

  private static let inputs = [
    "start", "start at once", "stop", "restart", "preparing", "prepared", "preparation failed", "launched",
    "launch failed", "adopted", "found ended", "main exited", "ended", "lost", "ready", "not ready", "not live",
    "unkillable", "retry", "stable", "startup",
  ]

  /// What is seen in a place.
  private static func state(in place: Machine.Place) -> AppState {
    switch place {
    case .idle: .stopped
    case .preparing, .launching, .launchingToRestart, .starting: .starting
    case .launchingToStop, .stopping, .restarting, .failing: .stopping
    case .running: .running
    case .notReady: .notReady
    case .pausing: .backoff
    }
  }

  /// All that changes something; every other pair changes nothing.
  private static let steps: [Step] =
    [
      .init(place: .idle, input: "start", state: .starting, effects: ["prepare"]),
      .init(place: .idle, input: "start at once", state: .starting, effects: ["prepare"]),
      .init(place: .idle, input: "restart", state: .starting, effects: ["prepare"]),
      .init(place: .idle, input: "adopted", state: .starting, effects: ["beginProbes", "set startup"]),
      .init(place: .preparing, input: "stop", state: .stopped, effects: ["cancelPreparation"]),
      .init(place: .preparing, input: "restart", state: .starting, effects: ["cancelPreparation", "prepare"]),
      .init(place: .preparing, input: "preparing", state: .settingUp),
      .init(place: .preparing, input: "prepared", state: .starting, effects: ["launch"]),
      .init(place: .preparing, input: "preparation failed", state: .failed),
      .init(place: .launching, input: "stop", state: .stopping),
      .init(place: .launching, input: "launched", state: .starting, effects: ["beginProbes", "set startup"]),
      .init(place: .launching, input: "launch failed", state: .failed),
      .init(place: .launchingToStop, input: "start", state: .starting),
      .init(place: .launchingToStop, input: "start at once", state: .starting),
      .init(
        place: .launchingToStop, input: "launched", state: .stopping, effects: ["beginProbes", "set startup"] + ending),
      .init(place: .launchingToStop, input: "launch failed", state: .stopped),
      .init(place: .launchingToRestart, input: "stop", state: .stopping),
      .init(
        place: .launchingToRestart, input: "launched", state: .stopping,
        effects: ["beginProbes", "set startup"] + ending),
      .init(place: .launchingToRestart, input: "launch failed", state: .starting, effects: ["prepare"]),
      .init(place: .starting, input: "ready", state: .running, effects: ["clear startup", "set stable"]),
      .init(place: .starting, input: "startup", state: .notReady),
      .init(place: .running, input: "not ready", state: .notReady, effects: ["clear stable"]),
      .init(place: .notReady, input: "ready", state: .running, effects: ["clear startup", "set stable"]),
      .init(place: .notReady, input: "not ready", state: .notReady, effects: ["clear stable"]),
      .init(place: .stopping, input: "ended", state: .stopped),
      .init(place: .stopping, input: "lost", state: .stopped),
      .init(place: .restarting, input: "ended", state: .starting, effects: ["prepare"]),
      .init(place: .restarting, input: "lost", state: .starting, effects: ["prepare"]),
      .init(place: .failing, input: "ended", state: .backoff, effects: ["set retry"]),
      .init(place: .failing, input: "lost", state: .backoff, effects: failing),
      .init(place: .pausing, input: "start at once", state: .starting, effects: ["clear retry", "prepare"]),
      .init(place: .pausing, input: "stop", state: .stopped, effects: ["clear retry"]),
      .init(place: .pausing, input: "restart", state: .starting, effects: ["clear retry", "prepare"]),
      .init(place: .pausing, input: "retry", state: .starting, effects: ["prepare"]),
    ]
    + [Machine.Place.starting, .running, .notReady].flatMap { place in
      [
        .init(place: place, input: "stop", state: .stopping, effects: ending),
        .init(place: place, input: "restart", state: .stopping, effects: ending),
        .init(place: place, input: "ended", state: .backoff, effects: failing),
        .init(place: place, input: "lost", state: .backoff, effects: failing),
        .init(place: place, input: "not live", state: .stopping, effects: ending),
      ]
    }
    + [Machine.Place.stopping, .restarting, .failing].map { place in
      .init(place: place, input: "unkillable", state: .stopFailed)
    }

  @Test(arguments: Machine.Place.allCases, inputs) func `does what the table says`(
    _ place: Machine.Place, _ name: String
  ) {
    var machine = Machine(in: place)
    #expect(machine.observed.state == Self.state(in: place))
    let effects = machine.handle(Self.input(name, machine.attempt))
    let step = Self.steps.first { $0.place == place && $0.input == name }
    #expect(machine.observed.state == step?.state ?? Self.state(in: place))
    #expect(effects.map(\.name) == step?.effects ?? [])
  }

  @Test(arguments: Machine.Place.allCases) func `whatever it is at, a stop leads to rest`(_ place: Machine.Place) {
    var machine = Machine(in: place)
    machine.handle(.stop(graceSeconds: nil))
    if case .launching = machine.phase { machine.handle(.launched(attempt: machine.attempt, Machine.launched)) }
    if case .ending = machine.phase { machine.handle(.ended(nil)) }
    #expect(machine.phase == .idle && machine.observed.state == .stopped && machine.observed.pid == nil)
    // Nothing that was under way wakes it again.
    for timer in [ProcessMachine.Timer.retry, .stable, .startup] { #expect(machine.handle(.timer(timer)) == []) }
    #expect(machine.handle(.ready) == [] && machine.handle(.notReady(.notListening, "")) == [])
    #expect(machine.handle(.livenessFailed("")) == [])
    #expect(machine.observed.state == .stopped)
  }

  @Test(arguments: Machine.Place.allCases) func `whatever it is at, a restart leads to a new start`(
    _ place: Machine.Place
  ) {
    var machine = Machine(in: place)
    let before = machine.attempt
    machine.handle(.restart)
    if case .launching = machine.phase { machine.handle(.launched(attempt: machine.attempt, Machine.launched)) }
    if case .ending = machine.phase { machine.handle(.ended(nil)) }
    #expect(machine.phase == .preparing && machine.attempt == before + 1)
    machine.run()
    #expect(machine.observed.state == .running && machine.observed.restarts == 0)
  }

  @Test(arguments: Machine.Place.allCases) func `late answers of an earlier attempt change nothing`(
    _ place: Machine.Place
  ) {
    var machine = Machine(in: place)
    let before = (machine.observed, machine.phase)
    for attempt in [machine.attempt - 1, machine.attempt + 1] {
      for name in ["preparing", "prepared", "preparation failed", "launched", "launch failed"] {
        #expect(machine.handle(Self.input(name, attempt)) == [], "\(name)")
      }
    }
    #expect(machine.observed == before.0 && machine.phase == before.1)
  }
}
