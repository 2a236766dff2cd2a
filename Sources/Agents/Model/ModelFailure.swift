import BerthProtocol

/// Why a provider did not answer.
struct ModelFailure: Error {
  enum Kind: Sendable, Hashable {
    /// Too many requests; how long it asks to wait, in seconds.
    case rateLimited(retryAfter: Double?)
    /// Not reached, too slow, or broken for now.
    case unavailable(retryAfter: Double?)
    /// The answer has ended in the middle.
    case cut
    /// What it was sent is more than the model takes.
    case contextExceeded
    /// It does not know this member of the request.
    case unknownMember(ChatDialect.Member)
    /// It does not take the key, or wants one.
    case unauthorized
    /// It refuses the request for another reason: to ask again would change nothing.
    case refused
  }

  let kind: Kind
  /// What happened, without a full stop, such as `https://… answered 503: overloaded`.
  let message: String

  /// How long the provider asks to be left alone, where to ask again can help.
  var retry: (after: Double?, isPossible: Bool) {
    switch kind {
    case .rateLimited(let after), .unavailable(let after): (after, true)
    case .cut: (nil, true)
    case .contextExceeded, .unknownMember, .unauthorized, .refused: (nil, false)
    }
  }

  /// How a run ends that can't go on after this.
  ///
  /// - Parameter agent: The agent's name.
  func ending(of agent: String) -> RunEnding {
    switch kind {
    case .rateLimited:
      .failed(.rateLimited, "\(message). Wait until the provider takes requests again, or raise its limits.")
    case .unavailable, .cut:
      .failed(.providerUnavailable, "\(message). Look whether the provider works, then go on with a new run.")
    case .contextExceeded:
      .failed(
        .contextExceeded,
        "\(message). Begin a new session, say less at once, or set `contextTokens` to what the model takes.")
    case .unauthorized:
      .failed(
        .providerError,
        "\(message). Keep the provider's key with `agent/configure`, as `API_KEY` of the agent \(agent).")
    case .unknownMember, .refused:
      .failed(.providerError, "\(message). Check the agent's `baseUrl`, `model` and other settings.")
    }
  }
}
