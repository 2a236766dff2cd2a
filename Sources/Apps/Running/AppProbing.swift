import BerthProtocol
import Platform
import Streams
import Supervisor
import Synchronization

/// Asks the probes that a manifest declares, while the app runs.
final class AppProbing: ProcessProbing {
  private let probes: Probes
  private let poller: Poller
  private let pool: WorkerPool
  private let note: ReadyNote
  /// What it means when it is not ready.
  private let reason: AppReason
  private let asking = Mutex<Task<Void, Never>?>(nil)

  init(
    _ service: AppService, _ record: AppRecord, _ manifest: Manifest, _ environment: ManifestEnvironment,
    _ specification: ShimSpecification
  ) {
    let numbers = Dictionary(service.ports.list(app: record.id).map { ($0.name, $0.port) }) { first, _ in first }
    let note = ReadyNote()
    let output = service.entry(id: record.id)?.output
    let start = (try? output?.endPosition()) ?? nil
    let supervision = service.supervision
    func probe(_ probe: ManifestProbe, _ name: String) -> Probe? {
      let check: Probe.Check
      switch probe.check {
      case .http(let http):
        guard let port = numbers[http.port] else { return nil }
        check = .http(
          HTTPCheck(
            port: port, path: environment.string(http.path), statuses: http.status, bodyContains: http.bodyContains))
      case .tcp(let port):
        guard let port = numbers[port] else { return nil }
        check = .tcp(port: port)
      case .exec(let command):
        let shell = ShimCommand("\(record.id).\(name)", supervision: supervision)
        check = .exec {
          let ending = try await shell.run(
            command, environment: specification.environment, directory: specification.directory,
            timeoutSeconds: probe.timeoutSeconds)
          return switch ending {
          case .exited(.code(0)): nil
          case .exited(.code(let code)): "`\(command)` exited with \(code)"
          case .exited(.signal(let signal)): "`\(command)` was ended by signal \(signal)"
          case .timedOut: "`\(command)` took too long"
          }
        }
      case .log(let pattern):
        guard let output else { return nil }
        check = .log(LogCheck(pattern: pattern.text, in: output, after: start) { pattern.matches($0) })
      case .notify: check = .notify(note)
      }
      return Probe(
        check, intervalSeconds: probe.intervalSeconds, timeoutSeconds: probe.timeoutSeconds,
        failureThreshold: probe.failureThreshold, successThreshold: probe.successThreshold,
        initialDelaySeconds: probe.initialDelaySeconds)
    }
    func all(_ probes: [ManifestProbe], _ kind: String) -> [Probe] {
      probes.enumerated().compactMap { probe($1, "\(kind)\($0)") }
    }
    var probes = Probes(
      startup: all(manifest.probes.startup, "startup"), readiness: all(manifest.probes.readiness, "readiness"),
      liveness: all(manifest.probes.liveness, "liveness"))
    // A port that the manifest names is expected to be listened on, where nothing else tells of readiness.
    let isImplied = manifest.probes.startup.isEmpty && manifest.probes.readiness.isEmpty
    if isImplied {
      probes.readiness = manifest.ports.filter(\.isDeclared).compactMap { numbers[$0.name] }.map {
        Probe(.tcp(port: $0), failureThreshold: 1)
      }
    }
    self.probes = probes
    self.note = note
    reason = isImplied ? .notListening : .readinessFailed
    poller = service.poller
    pool = supervision.pool
  }

  func begin(_ report: @escaping @Sendable (ProbeFinding) -> Void) {
    if probes.startup.isEmpty, probes.readiness.isEmpty, probes.liveness.isEmpty { return }
    let hasReadiness = !probes.startup.isEmpty || !probes.readiness.isEmpty
    let runner = ProbeRunner(probes, poller: poller) { [reason] found in
      switch found {
      case .started: break
      case .ready: if hasReadiness { report(.ready) }
      case .notReady(let why): report(.notReady(reason, why))
      case .notLive(let why): report(.livenessFailed(why))
      }
    }
    let task = Task(executorPreference: pool) { await runner.run() }
    asking.withLock { asking in
      asking?.cancel()
      asking = task
    }
  }

  func end() {
    asking.withLock { asking in
      asking?.cancel()
      asking = nil
    }
  }

  func noteReady() { note.noteReady() }
}
