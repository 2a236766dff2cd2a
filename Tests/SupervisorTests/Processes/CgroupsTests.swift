import BerthProtocol
import Glibc
import Platform
import Testing

@testable import Supervisor

/// What limits of a whole tree do. They need a part of the cgroup v2 hierarchy that has the controllers.
@Suite struct CgroupsTests {
  private static let cgroups = Cgroups(name: "berth-tests-\(getpid())")

  private static func has(_ controller: String) -> Bool { cgroups?.controllers.contains(controller) == true }

  @Test(.enabled(if: has("cpu"), "the cpu controller is not in the cgroup v2 hierarchy of this machine"))
  func `a tree gets no more of the processors than it may`() async throws {
    let cgroups = try #require(Self.cgroups)
    let home = try ProcessHome("while :; do :; done & while :; do :; done", limits: .init(processors: 0.2))
    let process = try home.server(cgroups: cgroups)
    process.start(immediately: true)
    try await process.state(.running)
    func number(_ key: String) -> Int { cgroups.number(key, in: "cpu.stat", of: home.id) ?? 0 }
    _ = try await eventually("a tree that has been held back") { number("nr_throttled") >= 10 ? true : nil }
    let used = number("usage_usec")
    // A fifth of each period of 100 ms; those that are under way on several processors may go a little beyond.
    let most = (number("nr_periods") + 2) * 20_000
    #expect(used > 0 && used < most + most / 4, "\(used) µs of \(most)")
    process.stop(graceSeconds: 0)
    try await process.state(.stopped)
    #expect(home.processes == [])
    #expect(cgroups.number("nr_periods", in: "cpu.stat", of: home.id) == nil)
  }

  @Test(.enabled(if: has("memory"), "the memory controller is not in the cgroup v2 hierarchy of this machine"))
  func `a tree that takes more memory than it may is killed, and says so, and others are not`() async throws {
    let cgroups = try #require(Self.cgroups)
    let limits = Cgroups.Limits(memoryBytes: 48 << 20)
    let other = try ProcessHome("exec sleep 1000", limits: limits)
    let others = try other.server(cgroups: cgroups)
    others.start(immediately: true)
    try await others.state(.running)
    let plan = ProcessPlan(restart: RestartPolicy(.never))
    let home = try ProcessHome("exec dd if=/dev/zero of=/dev/null bs=200M count=1", plan, limits: limits)
    let process = try home.server(cgroups: cgroups)
    process.start(immediately: true)
    let end = try await process.state(.failed)
    #expect(end.reason == .signalled && end.lastExit?.signal == "SIGKILL")
    #expect(end.message?.contains("more memory than it may have") == true, "\(end)")
    #expect(others.observed.state == .running && other.processes.count == 1)
    others.stop(graceSeconds: 0)
    try await others.state(.stopped)
  }
}
