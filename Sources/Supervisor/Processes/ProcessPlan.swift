/// How a process tree is kept, once it runs: when it counts as ready, how it is ended, whether it is started again.
package struct ProcessPlan: Sendable, Hashable {
  package var restart: RestartPolicy
  /// Run by a shell in the tree's own environment, before the signal.
  package var stopCommand: String?
  /// Sent to every process of the tree.
  package var stopSignal: Int32
  /// How long the tree has to end by itself, in seconds; the stop command's time is part of it.
  package var stopGraceSeconds: Double
  /// Whether something must be seen before it counts as ready: a probe, or a listener on its ports.
  package var awaitsReadiness: Bool
  /// How long it has to become ready, in seconds.
  package var startTimeoutSeconds: Double
  /// How long it must live to count as running where nothing tells of its readiness, in seconds.
  package var settleSeconds = 0.1
  /// Whether it is ended when it has not become ready in time, which a startup probe demands.
  package var mustStartInTime: Bool

  package init(
    restart: RestartPolicy = RestartPolicy(), stopCommand: String? = nil, stopSignal: Int32 = 15,
    stopGraceSeconds: Double = 10, awaitsReadiness: Bool = false, startTimeoutSeconds: Double = 60,
    mustStartInTime: Bool = false
  ) {
    self.restart = restart
    self.stopCommand = stopCommand
    self.stopSignal = stopSignal
    self.stopGraceSeconds = stopGraceSeconds
    self.awaitsReadiness = awaitsReadiness
    self.startTimeoutSeconds = startTimeoutSeconds
    self.mustStartInTime = mustStartInTime
  }
}
