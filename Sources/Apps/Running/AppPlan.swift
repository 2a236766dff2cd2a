import Supervisor

/// A manifest in the supervisor's terms.
extension ProcessPlan {
  init(_ manifest: Manifest) {
    self.init(
      restart: RestartPolicy(manifest.restart), stopCommand: manifest.stop.command,
      stopSignal: manifest.stop.signal.number, stopGraceSeconds: manifest.stop.graceSeconds,
      awaitsReadiness: !manifest.probes.startup.isEmpty || !manifest.probes.readiness.isEmpty
        || manifest.ports.contains(where: \.isDeclared),
      startTimeoutSeconds: manifest.start.timeoutSeconds, mustStartInTime: !manifest.probes.startup.isEmpty)
  }
}

extension RestartPolicy {
  init(_ restart: ManifestRestart) {
    let condition: Condition =
      switch restart.policy {
      case .always: .always
      case .onFailure: .onFailure
      case .never: .never
      }
    self.init(
      condition, initialBackoffSeconds: restart.initialBackoffSeconds,
      maximumBackoffSeconds: restart.maximumBackoffSeconds, stableSeconds: restart.stableSeconds,
      crashLoopFailures: restart.maximumRestarts, crashLoopSeconds: restart.crashLoopSeconds)
  }
}

extension ManifestProbes {
  var all: [ManifestProbe] { startup + readiness + liveness }

  /// Whether the app tells for itself that it is ready.
  var isNotified: Bool { all.contains { if case .notify = $0.check { true } else { false } } }
}

extension ManifestLimits {
  var shimLimits: [ShimSpecification.Limit] {
    let named: [(ShimSpecification.Limit.Resource, Limit?)] = [
      (.nofile, openFiles), (.nproc, processes), (.as, memory), (.cpu, cpuSeconds), (.fsize, fileSize),
      (.core, coreSize),
    ]
    return named.compactMap { resource, limit in
      switch limit {
      case nil: nil
      case .unlimited: ShimSpecification.Limit(resource, soft: nil, hard: nil)
      case .value(let value): ShimSpecification.Limit(resource, soft: UInt64(value), hard: UInt64(value))
      }
    }
  }

  var ofWholeApp: Cgroups.Limits {
    let memory: Int? = if case .value(let bytes)? = memoryMaximum { bytes } else { nil }
    return Cgroups.Limits(memoryBytes: memory, processors: cpuMaximum)
  }
}
