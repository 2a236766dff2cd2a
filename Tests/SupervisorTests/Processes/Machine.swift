import BerthProtocol

@testable import Supervisor

/// A machine in a phase of its life, and what it has told to do on the way.
struct Machine {
  typealias Input = ProcessMachine.Input
  typealias Effect = ProcessMachine.Effect

  private(set) var machine = ProcessMachine()
  /// All that was to be done, in order.
  private(set) var effects: [Effect] = []
  var jitter = 0.5

  static let launched = ProcessMachine.Launched(pid: 42, startedAt: "2026-01-01T00:00:00.000Z")
  static let failure = AppExit(code: 1, at: "2026-01-01T00:00:01.000Z", lines: ["oh"])
  static let success = AppExit(code: 0, at: "2026-01-01T00:00:01.000Z", lines: [])

  var observed: ObservedProcess { machine.observed }
  var attempt: Int { machine.attempt }
  var phase: ProcessMachine.Phase { machine.phase }

  init(_ inputs: [Input] = []) {
    for input in inputs { handle(input) }
  }

  /// - Returns: What is to be done now.
  @discardableResult
  mutating func handle(_ input: Input) -> [Effect] {
    let new = machine.handle(input, jitter: jitter)
    effects += new
    return new
  }

  mutating func restore(_ last: ObservedProcess) { machine.restore(last) }

  // MARK: Phases

  /// The places that a process can be in.
  enum Place: CaseIterable {
    case idle, preparing, launching, launchingToStop, launchingToRestart, starting, running, notReady
    case stopping, restarting, failing, pausing
  }

  init(in place: Place, _ plan: ProcessPlan = .awaiting) {
    switch place {
    case .idle: self.init()
    case .preparing: self.init([.start(immediately: false)])
    case .launching:
      self.init(in: .preparing, plan)
      handle(.prepared(attempt: attempt, plan))
    case .launchingToStop:
      self.init(in: .launching, plan)
      handle(.stop(graceSeconds: 3))
    case .launchingToRestart:
      self.init(in: .launching, plan)
      handle(.restart)
    case .starting:
      self.init(in: .launching, plan)
      handle(.launched(attempt: attempt, Self.launched))
    case .running:
      self.init(in: .starting, plan)
      handle(.ready)
    case .notReady:
      self.init(in: .running, plan)
      handle(.notReady(.readinessFailed, "it does not answer"))
    case .stopping:
      self.init(in: .running, plan)
      handle(.stop(graceSeconds: nil))
    case .restarting:
      self.init(in: .running, plan)
      handle(.restart)
    case .failing:
      self.init(in: .running, plan)
      handle(.livenessFailed("it hangs"))
    case .pausing:
      self.init(in: .running, plan)
      handle(.ended(Self.failure))
    }
  }

  /// Goes from wherever a start was begun to where it is ready.
  mutating func run(_ plan: ProcessPlan = .awaiting) {
    handle(.prepared(attempt: attempt, plan))
    handle(.launched(attempt: attempt, Self.launched))
    handle(.ready)
  }
}

extension ProcessPlan {
  /// One that tells of its readiness.
  static let awaiting = ProcessPlan(restart: .quick, awaitsReadiness: true)
}

extension RestartPolicy {
  static let quick = RestartPolicy(
    .always, initialBackoffSeconds: 1, maximumBackoffSeconds: 8, stableSeconds: 30, crashLoopFailures: 6,
    crashLoopSeconds: 100)
}

extension Machine.Effect {
  /// Its name.
  var name: String {
    switch self {
    case .prepare: "prepare"
    case .cancelPreparation: "cancelPreparation"
    case .launch: "launch"
    case .beginProbes: "beginProbes"
    case .endProbes: "endProbes"
    case .end(_, _, let command): command ? "end" : "hurry"
    case .set(let timer, _): "set \(timer)"
    case .clear(let timer): "clear \(timer)"
    }
  }
}
