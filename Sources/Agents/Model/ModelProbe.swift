import BerthProtocol
import Platform

/// Tries a model out: asks its provider for the models that it has.
struct ModelProbe: Sendable {
  let agent: ResolvedAgent
  let timeoutSeconds: Double

  private static let maximumModels = 1000

  func run() async -> AgentProbeResult {
    let began = Timestamp.monotonicNanoseconds()
    var result = AgentProbeResult(agent: agent.name, ok: false, message: "", durationMs: 0)
    if let fault = ModelDriver.fault(of: agent) {
      result.message = fault
    } else if let endpoint = ModelEndpoint(agent) {
      await ask(endpoint, &result)
    }
    result.durationMs = Int((Timestamp.monotonicNanoseconds() - began) / 1_000_000)
    return result
  }

  private func ask(_ endpoint: ModelEndpoint, _ result: inout AgentProbeResult) async {
    let client = ModelClient(
      endpoint, ModelTimings(idleSeconds: timeoutSeconds, connectSeconds: min(15, timeoutSeconds)))
    let models = Task { try await client.models() }
    let deadline = Task {
      guard (try? await Task.sleep(for: .seconds(timeoutSeconds))) != nil else { return }
      models.cancel()
    }
    let answer = await withTaskCancellationHandler {
      await models.result
    } onCancel: {
      models.cancel()
    }
    deadline.cancel()
    await client.close()
    switch answer {
    case .success(let models): tell(models, endpoint, &result)
    case .failure(let failure as ModelFailure): result.message = sentence(failure, endpoint)
    case .failure:
      result.message =
        "\(endpoint.address) did not answer within \(Int(timeoutSeconds.rounded(.up))) s. Check `baseUrl` and the network."
    }
  }

  private func tell(_ models: [String], _ endpoint: ModelEndpoint, _ result: inout AgentProbeResult) {
    result.models = Array(models.prefix(Self.maximumModels))
    let model = agent.config.model ?? ""
    // Google's come with a folder in front.
    guard models.isEmpty || models.contains(model) || models.contains("models/\(model)") else {
      let some = models.prefix(5).map { "`\($0)`" }.joined(separator: ", ")
      result.message =
        "\(endpoint.address) has no model `\(model)`. Set `model` to one of its \(models.count), such as \(some)."
      return
    }
    result.ok = true
    result.message = "\(endpoint.address) answers, with \(models.count) models; \(model) can be used."
  }

  private func sentence(_ failure: ModelFailure, _ endpoint: ModelEndpoint) -> String {
    switch failure.kind {
    case .unauthorized where !endpoint.hasKey:
      "\(failure.message). It wants a key: keep it with `agent/configure`, as `API_KEY` of the agent \(agent.name)."
    case .unauthorized:
      "\(failure.message). The key that is kept is not taken: keep another with `agent/configure`, as `API_KEY` of the agent \(agent.name)."
    case .rateLimited: "\(failure.message). Try again later."
    case .unavailable, .cut: "\(failure.message). Check `baseUrl`, the network, and whether the provider works."
    case .contextExceeded, .unknownMember, .refused:
      "\(failure.message). Check `baseUrl`: it goes up to `/v1`, as a rule."
    }
  }
}
