import Platform
import Synchronization

/// What probes tell of an app.
package enum ProbeReport: Sendable, Hashable {
  /// Its startup probes have succeeded, or there are none.
  case started
  /// All of its readiness probes have, or there are none. Follows `started`.
  case ready
  /// It is not ready, or not yet, and why. It comes again when the reason changes.
  case notReady(String)
  /// A liveness probe has failed. It comes again as long as it does.
  case notLive(String)
}

/// Asks the probes of one run of an app, and reports what changes.
package final class ProbeRunner: Sendable {
  private let probes: Probes
  private let poller: Poller
  private let report: @Sendable (ProbeReport) -> Void
  private let readiness: Mutex<Readiness>

  private struct Readiness {
    /// By probe: nil as long as there is no verdict.
    var verdicts: [Bool?]
    var reported: ProbeReport?
  }

  /// - Parameter report: Called on the task that ``run()`` is called on or a child of it, one report after the other;
  ///   it may not wait for another one.
  package init(_ probes: Probes, poller: Poller, report: @escaping @Sendable (ProbeReport) -> Void) {
    self.probes = probes
    self.poller = poller
    self.report = report
    readiness = Mutex(Readiness(verdicts: Array(repeating: nil, count: probes.readiness.count)))
  }

  /// Asks until the task is cancelled. A task of its own for each run of the app, on threads that may block: log probes
  /// read files.
  package func run() async {
    await withTaskGroup { group in
      for probe in probes.startup {
        group.addTask {
          await self.ask(probe, isEager: true) { verdict, reason in
            if verdict != true, let reason { self.tell(.notReady(reason)) }
            return verdict != true
          }
        }
      }
    }
    if Task.isCancelled { return }
    report(.started)
    await withTaskGroup { group in
      if probes.readiness.isEmpty { tell(.ready) }
      for (index, probe) in probes.readiness.enumerated() {
        group.addTask {
          await self.ask(probe, isEager: true) { verdict, reason in
            self.note(verdict, reason, ofReadiness: index)
            return true
          }
        }
      }
      for probe in probes.liveness where probe.expectation == nil {
        group.addTask {
          await self.ask(probe, isEager: false) { verdict, reason in
            if verdict == false, let reason { self.report(.notLive(reason)) }
            return true
          }
        }
      }
    }
  }

  private func note(_ verdict: Bool?, _ reason: String?, ofReadiness index: Int) {
    readiness.withLock { readiness in
      if let verdict { readiness.verdicts[index] = verdict }
      if readiness.verdicts.allSatisfy({ $0 == true }) {
        tell(.ready, &readiness)
      } else if let reason, readiness.verdicts[index] != true {
        tell(.notReady(reason), &readiness)
      }
    }
  }

  private func tell(_ report: ProbeReport) {
    readiness.withLock { tell(report, &$0) }
  }

  private func tell(_ report: ProbeReport, _ readiness: inout Readiness) {
    guard report != readiness.reported else { return }
    readiness.reported = report
    self.report(report)
  }

  // MARK: One probe

  /// Asks one probe until the task is cancelled or the receiver has heard enough.
  ///
  /// - Parameters:
  ///   - isEager: Whether to ask more often until it has succeeded once, so that nobody waits for an interval to pass
  ///     whose app has been ready for long. Failures count once an interval all the same.
  ///   - take: Given what each try has brought: the verdict, nil as long as the thresholds leave it open, and the reason
  ///     where it has failed. Returns whether to go on.
  private func ask(_ probe: Probe, isEager: Bool, _ take: (Bool?, String?) -> Bool) async {
    var verdict = Verdict(probe, isEager: isEager)
    do {
      // Those that wait for an answer want it soon; the others are spread from the beginning.
      let spread = isEager ? 0 : Double.random(in: 0..<probe.intervalSeconds)
      try await poller.sleep(seconds: probe.initialDelaySeconds + spread)
      if let expectation = probe.expectation { _ = take(nil, expectation) }
      while !Task.isCancelled {
        do {
          try await probe.ask(poller)
          verdict.noteSuccess()
          guard take(verdict.value, nil), probe.expectation == nil else { return }
        } catch let failure as ProbeFailure {
          verdict.noteFailure(at: Timestamp.monotonicNanoseconds())
          guard take(verdict.value, failure.reason) else { return }
        } catch is CancellationError {
          return
        } catch {
          // It could not be asked, which is no fault of the app's.
        }
        try await poller.sleep(seconds: verdict.pauseSeconds)
      }
    } catch {
      // Cancelled.
    }
  }
}

/// Counts what the tries of a probe bring, until a threshold is reached.
struct Verdict {
  /// What counts; nil as long as nothing does.
  private(set) var value: Bool?
  private let probe: Probe
  private let isEager: Bool
  private var successes = 0
  private var failures = 0
  /// The pause before the next hasty try, in seconds.
  private var hastyPause = 0.1
  private var failureCounted: Int64?

  init(_ probe: Probe, isEager: Bool) {
    self.probe = probe
    self.isEager = isEager
  }

  mutating func noteSuccess() {
    failures = 0
    failureCounted = nil
    successes += 1
    if successes >= probe.successThreshold { value = true }
  }

  /// - Parameter now: In nanoseconds, by any clock that goes on.
  mutating func noteFailure(at now: Int64) {
    successes = 0
    // Of the tries that come more often than once an interval, one an interval counts.
    let interval = Int64(probe.intervalSeconds * 0.8e9)
    if isHasty, let failureCounted, now - failureCounted < interval { return }
    failureCounted = now
    failures += 1
    if failures >= probe.failureThreshold { value = false }
  }

  private var isHasty: Bool { isEager && value != true }

  /// How long to wait for the next try: about the interval, never quite, so that the probes of many apps do not come
  /// together.
  var pauseSeconds: Double {
    mutating get {
      let interval = probe.intervalSeconds * Double.random(in: 0.9...1.1)
      guard isHasty else { return interval }
      defer { hastyPause = min(hastyPause * 1.25, interval) }
      return min(interval, hastyPause)
    }
  }
}
