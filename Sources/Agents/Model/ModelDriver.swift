import BerthProtocol
import Platform

/// The server's own agent: a loop around a model behind an OpenAI-compatible chat-completions endpoint, with tools for
/// the workspace.
///
/// A run is one task that asks, uses tools and asks again (`ModelRun`); beside it, `carry` hears what the run is told.
/// A request that is under way can't be taken over by another server, so a run ends with its server as `interrupted`;
/// its conversation is kept, and the session's next run goes on with it.
enum ModelDriver: AgentDriver {
  static let outlivesServer = false

  static func fault(of agent: ResolvedAgent) -> String? {
    if let fault = ModelEndpoint.fault(of: agent.config.baseUrl) { return fault }
    guard agent.config.model?.isEmpty == false else {
      return "It has no `model`. Set the name of one that the provider has; `agent/probe` lists them."
    }
    return nil
  }

  static func fault(of prompt: [ContentBlock], for agent: ResolvedAgent) -> String? {
    PromptMessage.fault(of: prompt)
  }

  static func canSteer(_ agent: ResolvedAgent) -> Bool { true }

  static func probe(
    _ agent: ResolvedAgent, _ services: AgentServices, timeoutSeconds: Double
  ) async -> AgentProbeResult {
    await ModelProbe(agent: agent, timeoutSeconds: timeoutSeconds).run()
  }

  static func carry(_ run: RunContext) async throws -> RunEnding {
    try await carry(run, ModelTimings())
  }

  static func carry(_ run: RunContext, _ timings: ModelTimings) async throws -> RunEnding {
    let answers = PermissionAnswers()
    let grace = CommandGrace()
    let work = Task(executorPreference: run.services.pool) {
      defer { run.tell(.own(ended)) }
      return try await ModelRun(run, answers, grace, timings).carry()
    }
    var ending: RunEnding?
    hearing: for await signal in run.signals {
      switch signal {
      case .cancel(let seconds):
        grace.shorten(to: seconds)
        ending = ending ?? .cancelled()
        work.cancel()
      case .deadline:
        ending = ending ?? .failed(.deadlineExceeded, deadlineDetail)
        work.cancel()
      case .answered(let permission): answers.give(permission)
      case .own(ended): break hearing
      // What was said is looked for before each request.
      case .said, .own, .program: break
      }
    }
    // The signals have ended before the work where this task was cancelled.
    if Task.isCancelled { work.cancel() }
    let result = await work.result
    if let ending { return ending }
    do {
      return try result.get()
    } catch is CancellationError {
      return .interrupted("The server stopped. Go on with a new run of the session.")
    }
  }

  private static let ended = "ended"
  private static let deadlineDetail =
    "The run has taken longer than it may. Go on with a new run of the session, or raise its deadline."
}
