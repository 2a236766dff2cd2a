import ArgumentParser
import BerthProtocol
import Platform

extension RunState: ExpressibleByArgument {
  var look: Style.Look {
    switch self {
    case .queued: .dim
    case .starting, .running: .cyan
    case .waiting: .yellow
    case .completed: .green
    case .failed: .red
    case .cancelled, .interrupted: .yellow
    }
  }

  var hasEnded: Bool {
    switch self {
    case .queued, .starting, .running, .waiting: false
    case .completed, .failed, .cancelled, .interrupted: true
    }
  }
}

extension AgentRun {
  /// Where it stands, with its place among those that wait.
  var standing: String { state.rawValue + (place.map { " (\($0))" } ?? "") }

  var durationSeconds: Double? {
    guard let began = startedAt.flatMap(Timestamp.nanoseconds), let ended = endedAt.flatMap(Timestamp.nanoseconds)
    else { return nil }
    return Double(ended - began) / 1e9
  }

  /// How it went, in a line: `took 3.2 s · 1200 tokens in, 80 out`.
  var summary: String {
    let stop = state == .completed ? stopReason?.words : nil
    let parts = [stop, durationSeconds.map { "took \(Humanize.duration(seconds: $0))" }, usage.words]
    return parts.compactMap(\.self).joined(separator: " · ")
  }
}

extension StopReason {
  /// What people should know of it; nil where the agent was just done.
  var words: String? {
    switch self {
    case .endTurn, .exit, .cancelled: nil
    case .maxTokens: "stopped: its tokens are used up"
    case .maxTurnRequests: "stopped: its steps are used up"
    case .refusal: "the agent refused"
    }
  }
}

extension RunUsage {
  /// In a few words; nil where nothing is known.
  var words: String? {
    var parts: [String] = []
    if inputTokens > 0 || outputTokens > 0 {
      let cached = cachedTokens > 0 ? " (\(cachedTokens) cached)" : ""
      parts.append("\(inputTokens) tokens in\(cached), \(outputTokens) out")
    }
    if requests > 0 { parts.append(Humanize.count(requests, "request")) }
    if let contextTokens, let contextSize, contextSize > 0 {
      parts.append("context \(contextTokens * 100 / contextSize) % full")
    }
    return parts.isEmpty ? nil : parts.joined(separator: " · ")
  }
}

extension Failure {
  /// Why a run did not do what it was to do; nil where it did.
  init?(_ run: AgentRun) {
    switch run.state {
    case .cancelled: self.init("the run \(run.id) was cancelled", status: .interrupted)
    case .failed:
      self.init(run.error?.detail ?? "the run \(run.id) failed")
    case .interrupted:
      self.init(
        run.error?.detail ?? "the run \(run.id) was interrupted",
        hint: "`berth run --session \(run.session) PROMPT` goes on with it")
    case .queued, .starting, .running, .waiting, .completed: return nil
    }
  }
}
