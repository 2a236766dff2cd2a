/// When an app that has ended is started again.
package struct ManifestRestart: Sendable, Hashable {
  package enum Policy: String, Sendable, CaseIterable {
    case always
    /// After any end but exit code 0.
    case onFailure = "on-failure"
    case never
  }

  package let policy: Policy
  /// The wait before the first restart; it doubles with each further one.
  package let initialBackoffSeconds: Double
  /// The longest wait.
  package let maximumBackoffSeconds: Double
  /// How long an app must have run for earlier ends to be forgotten.
  package let stableSeconds: Double
  /// How many restarts in a row, without a stable time between, make a crash loop.
  package let maximumRestarts: Int
  /// The wait between tries in a crash loop.
  package let crashLoopSeconds: Double
}

/// A signal, by name and number.
package struct ManifestSignal: Sendable, Hashable {
  /// As in `SIGTERM`.
  package let name: String
  /// Linux's number.
  package let number: Int32

  static let terminate = ManifestSignal(name: "SIGTERM", number: 15)

  /// What may ask an app to stop. Those that cannot be caught or that stop a process in another sense are not here.
  static let all: [ManifestSignal] = [
    ManifestSignal(name: "SIGHUP", number: 1), ManifestSignal(name: "SIGINT", number: 2),
    ManifestSignal(name: "SIGQUIT", number: 3), ManifestSignal(name: "SIGABRT", number: 6),
    ManifestSignal(name: "SIGKILL", number: 9), ManifestSignal(name: "SIGUSR1", number: 10),
    ManifestSignal(name: "SIGUSR2", number: 12), terminate, ManifestSignal(name: "SIGWINCH", number: 28),
  ]
}
