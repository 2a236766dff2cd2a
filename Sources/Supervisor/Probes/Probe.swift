import Platform

/// A question that is asked again and again, to learn how an app is.
package struct Probe: Sendable {
  package enum Check: Sendable {
    case http(HTTPCheck)
    /// Whether a port of this machine takes connections.
    case tcp(port: Int)
    /// Anything else that is asked: a command that is run, or what the caller knows for itself.
    ///
    /// - ask: Nil where all is well, else why not, as a sentence's end: “`./check` exited with 1”. It ends when its task
    ///   is cancelled, which it is when its time is over.
    case exec(ask: @Sendable () async throws -> String?)
    /// Whether a line of output has matched.
    case log(LogCheck)
    /// Whether the app has told that it is ready.
    case notify(ReadyNote)
  }

  package var check: Check
  /// From the end of one try to the next.
  package var intervalSeconds: Double
  /// How long one try may take.
  package var timeoutSeconds: Double
  /// How many tries in a row must fail before it counts.
  package var failureThreshold: Int
  /// How many tries in a row must succeed before it counts.
  package var successThreshold: Int
  package var initialDelaySeconds: Double

  package init(
    _ check: Check, intervalSeconds: Double = 10, timeoutSeconds: Double = 5, failureThreshold: Int = 3,
    successThreshold: Int = 1, initialDelaySeconds: Double = 0
  ) {
    self.check = check
    self.intervalSeconds = max(intervalSeconds, 0.05)
    self.timeoutSeconds = max(timeoutSeconds, 0.05)
    self.failureThreshold = max(failureThreshold, 1)
    self.successThreshold = max(successThreshold, 1)
    self.initialDelaySeconds = max(initialDelaySeconds, 0)
  }
}

/// The probes of an app. All probes of a kind must succeed.
package struct Probes: Sendable {
  /// Until these have succeeded once, the others are not asked.
  package var startup: [Probe]
  /// Whether the app can be used.
  package var readiness: [Probe]
  /// Whether the app still works.
  package var liveness: [Probe]

  package init(startup: [Probe] = [], readiness: [Probe] = [], liveness: [Probe] = []) {
    self.startup = startup
    self.readiness = readiness
    self.liveness = liveness
  }
}

extension Probe {
  /// Asks once.
  ///
  /// - Throws: `ProbeFailure` with a whole sentence; any other error says nothing about the app.
  func ask(_ poller: Poller) async throws {
    switch check {
    case .http(let check):
      do {
        try await check.run(timeoutSeconds: timeoutSeconds, poller: poller)
      } catch let failure as ProbeFailure {
        let verb = failure.reason.hasPrefix("answered ") ? " " : ": "
        throw ProbeFailure("GET \(check.url)\(verb)\(failure.reason)")
      }
    case .tcp(let port):
      do {
        _ = try await LocalConnection.open(port: port, timeoutSeconds: timeoutSeconds, poller: poller)
      } catch let failure as ProbeFailure {
        throw ProbeFailure("127.0.0.1:\(port): \(failure.reason)")
      }
    case .exec(let ask):
      if let reason = try await withinTimeout(poller, ask) { throw ProbeFailure(reason) }
    case .log(let check):
      try await check.wait()
    case .notify(let note):
      try await note.wait()
    }
  }

  private func withinTimeout(
    _ poller: Poller, _ ask: @escaping @Sendable () async throws -> String?
  ) async throws -> String? {
    let seconds = timeoutSeconds
    return try await withThrowingTaskGroup(of: String?.self) { group in
      group.addTask { try await ask() }
      group.addTask {
        try await poller.sleep(seconds: seconds)
        return "it did not end within \(seconds.inSeconds)"
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
  }

  /// What is told of a probe that waits for something, while it has not come; nil for one that is asked.
  var expectation: String? {
    switch check {
    case .log(let check): "no line of its output has matched “\(check.pattern)” yet"
    case .notify: "it has not told yet that it is ready (READY=1 to NOTIFY_SOCKET)"
    case .http, .tcp, .exec: nil
    }
  }
}
