/// When a process that has ended is started again, and after how long.
package struct RestartPolicy: Sendable, Hashable {
  /// After which ends.
  package enum Condition: String, Sendable, Hashable {
    case always
    case onFailure = "on-failure"
    case never
  }

  package var condition: Condition
  /// The first pause, in seconds. Each further one is twice as long.
  package var initialBackoffSeconds: Double
  /// The longest pause, in seconds.
  package var maximumBackoffSeconds: Double
  /// How long it must have been running for its earlier failures to be forgotten, in seconds.
  package var stableSeconds: Double
  /// After how many failures in a row it is called a crash loop.
  package var crashLoopFailures: Int
  /// The pause between tries in a crash loop, in seconds.
  package var crashLoopSeconds: Double

  package init(
    _ condition: Condition = .onFailure, initialBackoffSeconds: Double = 1, maximumBackoffSeconds: Double = 60,
    stableSeconds: Double = 30, crashLoopFailures: Int = 5, crashLoopSeconds: Double = 300
  ) {
    self.condition = condition
    self.initialBackoffSeconds = initialBackoffSeconds
    self.maximumBackoffSeconds = maximumBackoffSeconds
    self.stableSeconds = stableSeconds
    self.crashLoopFailures = crashLoopFailures
    self.crashLoopSeconds = crashLoopSeconds
  }

  /// Whether so many failures in a row are a crash loop.
  func isCrashLoop(failures: Int) -> Bool { failures >= crashLoopFailures }

  /// The pause after so many failures in a row, in seconds.
  ///
  /// - Parameter jitter: Between 0 and 1: what fell together once shall not fall together again.
  func pause(failures: Int, jitter: Double) -> Double {
    if isCrashLoop(failures: failures) { return crashLoopSeconds * (0.9 + 0.2 * jitter) }
    var pause = initialBackoffSeconds
    for _ in 1..<max(2, failures) where pause < maximumBackoffSeconds && failures > 1 { pause *= 2 }
    return min(pause, maximumBackoffSeconds) * (0.8 + 0.4 * jitter)
  }
}
