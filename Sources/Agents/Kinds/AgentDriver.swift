import BerthProtocol
import Supervisor

/// What carries the runs of one kind of agent. A further kind is a file with a driver, and its line below.
protocol AgentDriver: Sendable {
  /// Whether a run goes on under the next server when this one dies. Runs of the others are told as `interrupted`.
  static var outlivesServer: Bool { get }

  /// What is wrong with a declaration, as a sentence with what to do; nil where it can be used.
  static func fault(of agent: ResolvedAgent) -> String?

  /// Why a prompt can't be given to such an agent; nil where it can.
  static func fault(of prompt: [ContentBlock], for agent: ResolvedAgent) -> String?

  /// Whether something can be said while a turn goes on.
  static func canSteer(_ agent: ResolvedAgent) -> Bool

  /// Tries an agent out. What fails is told in the result.
  static func probe(_ agent: ResolvedAgent, _ services: AgentServices, timeoutSeconds: Double) async -> AgentProbeResult

  /// Carries a run from where it stands to its end.
  ///
  /// It takes the run's turns (`RunContext.beginTurn`) until there are no more, hears `RunContext.signals`, and writes
  /// down all it does with `RunContext.commit`, so that the next server can go on. When told `cancel` or `deadline`, it
  /// ends within the grace time, with nothing left running.
  ///
  /// - Throws: What it can't go on after; the run fails with it.
  static func carry(_ run: RunContext) async throws -> RunEnding

  /// Removes what is left on disk of a run, once its end is written down.
  static func cleanUp(_ run: RunContext)

  /// Ends what is kept for a session between its runs.
  static func close(session: String, _ services: AgentServices) async
}

extension AgentDriver {
  static func cleanUp(_ run: RunContext) {}
  static func close(session: String, _ services: AgentServices) async {}
}

extension AgentKind {
  var driver: any AgentDriver.Type {
    switch self {
    case .acp: ACPDriver.self
    case .command: CommandDriver.self
    case .model: ModelDriver.self
    }
  }
}

/// How a run ended.
enum RunEnding: Sendable {
  case completed(StopReason, RunExit? = nil)
  case failed(RunFailure, String, RunExit? = nil)
  case cancelled(RunExit? = nil)
  /// The run could not be taken over.
  case interrupted(String)
}

/// What a run is told while it goes on.
enum RunSignal: Sendable {
  /// Of one of its programs, by the driver's own count.
  case program(HeldProgram.Event, of: Int)
  /// It is to end, and may take so long to do it in order.
  case cancel(graceSeconds: Double)
  /// It has taken as long as it may.
  case deadline
  /// Something was said: `RunContext.waitingTurns` has it.
  case said
  /// A question was answered.
  case answered(Permission)
  /// Something of the driver's own: a timer, a terminal.
  case own(String)
}
