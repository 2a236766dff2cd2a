/// How patient a run is with its provider.
struct ModelTimings: Sendable {
  /// How often the same is asked, the first time included.
  var tries = 6
  /// Before the second try; each further one waits twice as long.
  var firstDelaySeconds = 0.5
  var maximumDelaySeconds = 30.0
  /// A provider that wants more is not waited for.
  var maximumRetryAfterSeconds = 600.0
  /// How long nothing may come, before the answer and within it.
  var idleSeconds = 300.0
  var connectSeconds = 15.0

  /// How long to wait before the next try: doubled each time, and between half and all of that by chance, so that those
  /// who failed together do not come back together.
  ///
  /// - Parameters:
  ///   - failures: How many tries have failed.
  ///   - retryAfter: What the provider asked for, in seconds.
  func delaySeconds(afterFailures failures: Int, retryAfter: Double?) -> Double {
    let full = min(maximumDelaySeconds, firstDelaySeconds * Double(1 << min(max(failures - 1, 0), 20)))
    let delay = full * Double.random(in: 0.5...1)
    return max(delay, retryAfter ?? 0)
  }
}
