import BerthProtocol
import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Supervisor

/// A process that is kept by real shims, and what is kept of it when its server goes. Nothing of it is left when nobody
/// holds this any more.
final class ProcessHome: ProcessOwner {
  /// No two trees of the machine have one: what has lost its shim is found by it.
  let id = Identifier.make("proc")
  private static let pool = WorkerPool(name: "process-tests", maximumThreads: 64)

  let folder: TemporaryFolder
  private let script: Mutex<String>
  private let plan: ProcessPlan
  private let limits: Cgroups.Limits
  private let history = Mutex<[ObservedProcess]>([])
  private let marker: String

  init(_ script: String, _ plan: ProcessPlan = ProcessPlan(), limits: Cgroups.Limits = Cgroups.Limits()) throws {
    folder = try TemporaryFolder()
    self.script = Mutex(script)
    self.plan = plan
    self.limits = limits
    marker = "BERTH_TEST_HOME=\(folder.path)"
  }

  deinit {
    let isGone = waits(seconds: 20) {
      for process in processes { kill(process, SIGKILL) }
      try? ShimControl(folder: shim.path, timeoutSeconds: 1).stop(signal: SIGKILL, graceMilliseconds: 0)
      return processes.isEmpty && (try? ShimControl(folder: shim.path, timeoutSeconds: 1).hello()) == nil
    }
    if !isGone { Issue.record("processes of the test are left") }
  }

  // MARK: Servers

  /// One server's share in it. What was there before is taken over with `recover`.
  func server(last: ObservedProcess = ObservedProcess(), cgroups: Cgroups? = nil) throws -> SupervisedProcess {
    try SupervisedProcess(id, last: last, owner: self, supervision: supervision(cgroups))
  }

  func supervision(_ cgroups: Cgroups? = nil) throws -> Supervision {
    try Supervision(pool: Self.pool, folder: folder.path + "/shims", cgroups: cgroups)
  }

  func legacy(isWanted: Bool = true, wasRebooted: Bool = false) -> SupervisedProcess.Legacy {
    SupervisedProcess.Legacy(isWanted: isWanted, wasRebooted: wasRebooted, launch: launch())
  }

  var shim: ShimFolder { ShimFolder(folder.path + "/shims/" + id) }

  /// The processes of its trees, wherever they are.
  var processes: [Int32] {
    processNumbers().filter { number in
      guard let bytes = try? SmallFile.read("/proc/\(number)/environ") else { return false }
      return bytes.split(separator: 0).contains { $0.elementsEqual(marker.utf8) }
    }
  }

  var environment: [String] { ["PATH=/usr/local/bin:/usr/bin:/bin", marker] }

  /// All that was told of it, in order.
  var observed: [ObservedProcess] { history.withLock { $0 } }
  var states: [AppState] { observed.map(\.state) }

  func rewrite(_ script: String) { self.script.withLock { $0 = script } }

  /// Awaits a file, as a sign of the tree's.
  func sign(_ name: String) async throws {
    _ = try await eventually("the file \(name)") { access("\(folder.path)/\(name)", F_OK) == 0 ? true : nil }
  }

  /// Awaits that a state was told of, which may have passed meanwhile, and what was seen then.
  func saw(_ state: AppState) async throws -> ObservedProcess {
    try await eventually("\(state)", seconds: 30) { observed.first { $0.state == state } }
  }

  /// Awaits that nothing is left, the shim included.
  func end() async throws {
    _ = try await eventually("the end of all processes") { () -> Bool? in
      guard processes.isEmpty else { return nil }
      return (try? ShimControl(folder: shim.path, timeoutSeconds: 1).hello()) == nil ? true : nil
    }
  }

  // MARK: Owner

  private func launch() -> ProcessLaunch {
    var launch = ProcessLaunch(
      specification: ShimSpecification(
        id: id, arguments: ["/bin/sh", "-c", script.withLock { $0 }], environment: environment,
        directory: folder.path, log: .init(folder: folder.path + "/log")),
      plan: plan)
    launch.limits = limits
    return launch
  }

  func prepare(
    _ id: String, tell: @escaping @Sendable (AppState, AppReason?, String?) -> Void
  ) async throws -> ProcessLaunch {
    if script.withLock({ $0 }) == "" { throw PreparationFailure(.manifestInvalid, "There is nothing to run.") }
    if script.withLock({ $0 }) == "wait" {
      tell(.waiting, .dependency, "It waits for something else.")
      try await Task.sleep(for: .seconds(3600))
    }
    return launch()
  }

  func observed(_ id: String, _ process: ObservedProcess) { history.withLock { $0.append(process) } }

  func wroteOutput(_ id: String) {}

  func lastLines(_ id: String) -> [String] {
    ((try? LogLine.all(in: folder.path + "/log")) ?? []).map(\.string).suffix(10).map { $0 }
  }
}

extension SupervisedProcess {
  /// Awaits a state, and what is seen then.
  @discardableResult
  nonisolated func state(
    _ state: AppState, where condition: @escaping @Sendable (ObservedProcess) -> Bool = { _ in true }
  ) async throws -> ObservedProcess {
    let seen = try await wait(seconds: 30) { $0.state == state && condition($0) }
    #expect(seen.state == state && condition(seen), "\(seen)")
    return seen
  }
}
