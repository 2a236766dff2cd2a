import BerthProtocol
import Foundation
import JSON
import Platform
import Storage
import Synchronization
import Testing

@testable import Workspaces

/// Which moment of a placement fails, and whether the server dies there.
final class FailurePoint: Sendable {
  private struct State {
    var remaining = Int.max
    var dies = false
    var isDead = false
    var count = 0
  }

  private let state = Mutex(State())

  /// Lets the moment after `count` others fail. A server that dies takes nothing back.
  func arm(after count: Int, dies: Bool) {
    state.withLock { $0 = State(remaining: count, dies: dies) }
  }

  func disarm() { state.withLock { $0 = State() } }

  /// How many moments there were since `arm` or `disarm`.
  var count: Int { state.withLock { $0.count } }

  func reach(_ moment: Placements.Moment) throws {
    try state.withLock { state in
      if state.isDead { throw Injected() }
      if case .undoing = moment { return }
      state.count += 1
      if state.count > state.remaining {
        state.isDead = state.dies
        state.remaining = .max
        throw Injected()
      }
    }
  }
}

@Suite struct PlacementFailureTests {
  enum Case: String, CaseIterable {
    case exchange, merge, moves
  }

  private let point = FailurePoint()
  private let home: PlacementHome

  init() throws {
    let point = point
    home = try PlacementHome { try point.reach($0) }
  }

  /// Makes a workspace in which the case is tried.
  private func workspace(_ name: String) throws -> Workspace {
    let workspace = try home.workspace(name, ["a/b.txt": "one", "c.txt": "two", "d/e/f.txt": "three"])
    try home.shell(
      "cd \(name); ln -s c.txt link; mkdir empty; chmod 700 d; chmod 600 c.txt; touch -d 2020-01-01 a/b.txt d/e a")
    return workspace
  }

  private func source(_ kind: Case) -> TemplateSource {
    let files: [String] = kind == .merge ? ["a/new", "d/e/g", "d/h/i", "z", "y/x"] : ["a/b.txt", "c.txt/x", "new/n"]
    return TemplateSource(files: files.map { InlineFile(path: $0, content: $0) })
  }

  private func apply(_ kind: Case, _ workspace: Workspace) async throws -> Job {
    try await home.end(
      of: home.templates.applyTemplate(
        .init(workspace: workspace.id, template: source(kind), replaceExisting: kind != .merge)))
  }

  /// A folder of the file system's that cannot be exchanged, so that its entries are moved.
  private func prepare(_ kind: Case) throws -> String {
    guard kind == .moves else { return "demo" }
    try home.shell("mkdir mounted; mount -t tmpfs tmpfs mounted")
    return "mounted"
  }

  /// A stage inside the workspace's folder changes that folder's own time.
  private func listing(of name: String, _ kind: Case) throws -> String {
    try home.listing(of: name, skipsTop: kind == .moves)
  }

  private func cleanUp(_ kind: Case) {
    if kind == .moves { _ = try? home.shell("umount -l mounted") }
  }

  @Test(.serialized, arguments: Case.allCases)
  func aFailureAtAnyStepLeavesTheWorkspaceAsItWas(kind: Case) async throws {
    if kind == .moves, getuid() != 0 { return }
    let name = try prepare(kind)
    defer { cleanUp(kind) }
    let workspace = try workspace(name)
    let before = try listing(of: name, kind)
    var failures = 0
    while true {
      point.arm(after: failures, dies: false)
      let job = try await apply(kind, workspace)
      if job.state == .succeeded { break }
      failures += 1
      #expect(job.state == .failed)
      #expect(try listing(of: name, kind) == before, "after failing at moment \(failures)")
      #expect(try home.workspaces.resolve(workspace.id).folderState == .present)
      #expect(try home.leftovers() == "")
      try #require(failures < 50)
    }
    #expect(failures >= 4)
    #expect(try listing(of: name, kind) != before)
    #expect(try home.leftovers() == "")
  }

  @Test(.serialized, arguments: Case.allCases)
  func aServerThatDiesAtAnyStepIsTakenBackByTheNext(kind: Case) async throws {
    if kind == .moves, getuid() != 0 { return }
    let name = try prepare(kind)
    defer { cleanUp(kind) }
    let workspace = try workspace(name)
    let before = try listing(of: name, kind)
    point.arm(after: .max - 1, dies: false)
    var failures = 0
    while true {
      point.arm(after: failures, dies: true)
      let job = try await apply(kind, workspace)
      if job.state == .succeeded { break }
      failures += 1
      // The server that comes after it: another one, on the same home.
      let next = try PlacementHome(in: home.folder)
      #expect(try next.placements.recover() == [])
      #expect(try listing(of: name, kind) == before, "after dying at moment \(failures)")
      #expect(try next.workspaces.resolve(workspace.id).folderState == .present)
      #expect(try home.leftovers() == "")
      #expect(try PlacementRow.all(in: next.database).isEmpty)
      try next.database.close()
      // This one knows nothing of what the other did.
      try home.workspaces.adoptFolder(workspace.id)
      try #require(failures < 50)
    }
    #expect(failures >= 4)
  }

  @Test func importsLeaveNothingWhenTheyFailOrTheServerDies() async throws {
    try home.shell("mkdir t; echo x > t/x; tar czf t.tar.gz -C t .; mkdir empty; touch -d 2020-01-01 empty")
    for target in ["new/deep/folder", "empty", nil] {
      for dies in [false, true] {
        var failures = 0
        while true {
          point.arm(after: failures, dies: dies)
          let params = WorkspaceImport.Params(source: home.path("t.tar.gz"), path: target.map { home.path($0) })
          let job = try await home.end(of: home.archives.import(params))
          if job.state == .succeeded {
            let id = try #require(job.result?["workspace"]?["id"]?.stringValue)
            _ = try home.workspaces.delete(.init(workspace: id, files: .delete))
            if target == "empty" { try home.shell("mkdir empty; touch -d 2020-01-01 empty") }
            break
          }
          failures += 1
          try #require(failures < 20)
          if dies {
            let next = try PlacementHome(in: home.folder)
            #expect(try next.placements.recover() == [])
            #expect(next.workspaces.count == 0)
            try next.database.close()
          }
          #expect(home.workspaces.count == 0)
          #expect(try home.leftovers() == "")
          #expect(!home.exists("new/deep/folder") && !home.exists("empty/x"))
          #expect(try home.shell("ls home/workspaces 2>/dev/null || true") == "")
        }
        #expect(failures >= 3)
      }
    }
  }

  @Test func whatIsChangedMeanwhileIsNotLost() async throws {
    let workspace = try workspace("demo")
    let folder = home.path("demo")
    // Somebody writes to a file that was just moved in, and makes one where another is about to come.
    let busy = try PlacementHome(in: home.folder) { moment in
      if moment == .step(3) { _ = FileManager.default.createFile(atPath: "\(folder)/z", contents: Data("theirs".utf8)) }
    }
    let job = try await busy.end(
      of: busy.templates.applyTemplate(.init(workspace: workspace.id, template: source(.merge))))
    #expect(job.error?.type == "already_exists", "\(job)")
    #expect(home.text(of: "demo/z") == "theirs")
    #expect(try home.shell("cd demo; find . -type f | sort") == "./a/b.txt\n./c.txt\n./d/e/f.txt\n./z\n")
    #expect(try home.leftovers() == "")
  }
}
