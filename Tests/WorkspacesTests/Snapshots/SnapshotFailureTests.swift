import BerthProtocol
import Foundation
import JSON
import Jobs
import Platform
import Storage
import TestSupport
import Testing

@testable import Workspaces

@Suite struct SnapshotFailureTests {
  private let point = FailurePoint()
  private let home: PlacementHome
  private let workspace: Workspace
  private let snapshot: String

  init() async throws {
    let point = point
    home = try PlacementHome { try point.reach($0) }
    workspace = try home.workspace(
      "demo", ["a": "one", "b": "two", "d/e/f": "three", "d/g": "four", "h/i": "five", ".gitignore": "*.log\n"])
    try home.shell("cd demo; ln -s a link; touch -d 2020-01-01 a d/e h d")
    let job = try await home.end(of: home.snapshots.snapshot(.init(workspace: workspace.id)))
    snapshot = try #require(job.result?["snapshot"]?["id"]?.stringValue)
    try home.shell(
      """
      cd demo; echo x > a; rm b; rm -r d/e; chmod 600 d/g; echo new > h/new; mkdir -p z/y; echo x > z/y/x; rm link
      mkdir link; echo l > link/l; echo log > z/keep.log; touch -d 2019-01-01 h z/y z a
      """)
  }

  private func restore() async throws -> Job {
    try await home.end(of: home.snapshots.restore(.init(snapshot: snapshot)))
  }

  @Test func aFailureAtAnyStepLeavesTheWorkspaceAsItWas() async throws {
    let before = try home.listing(of: "demo")
    var failures = 0
    while true {
      point.arm(after: failures, dies: false)
      let job = try await restore()
      if job.state == .succeeded { break }
      failures += 1
      #expect(try home.listing(of: "demo") == before, "after failing at moment \(failures)")
      #expect(try home.leftovers() == "")
      try #require(failures < 100)
    }
    #expect(failures > 15)
    #expect(home.exists("demo/z/keep.log") && !home.exists("demo/z/y"))
  }

  @Test func aServerThatDiesAtAnyStepIsTakenBackByTheNext() async throws {
    let before = try home.listing(of: "demo")
    var failures = 0
    while true {
      point.arm(after: failures, dies: true)
      let job = try await restore()
      if job.state == .succeeded { break }
      failures += 1
      let next = try PlacementHome(in: home.folder)
      #expect(try next.placements.recover() == [])
      #expect(try home.listing(of: "demo") == before, "after dying at moment \(failures)")
      #expect(try home.leftovers() == "")
      try next.database.close()
      try #require(failures < 100)
    }
    #expect(failures > 15)
  }

  @Test(arguments: [0, 4, 9])
  func whatSomebodyWritesMeanwhileIsNotLost(step: Int) async throws {
    let path = home.path("demo/a")
    let busy = try PlacementHome(in: home.folder) { moment in
      guard moment == .step(step) else { return }
      let file = open(path, O_WRONLY | O_APPEND)
      _ = write(file, "theirs", 6)
      close(file)
    }
    let job = try await busy.end(of: busy.snapshots.restore(.init(snapshot: snapshot)))
    // Whoever writes after the exchange writes to the file that was brought back.
    if job.state == .succeeded {
      #expect(home.text(of: "demo/a") == "onetheirs")
    } else {
      #expect(job.error?.type == "workspace_busy", "\(job)")
      #expect(home.text(of: "demo/a") == "x\ntheirs")
    }
    #expect(try home.leftovers() == "")
  }

  @Test func aCancelledRestoreChangesNothing() async throws {
    let before = try home.listing(of: "demo")
    let started = try home.snapshots.restore(.init(snapshot: snapshot))
    _ = try? await home.jobs.cancel(.init(job: started.job.id))
    let job = try await home.end(of: started)
    if job.state == .cancelled { #expect(try home.listing(of: "demo") == before) }
    #expect(try home.leftovers() == "")
  }
}
