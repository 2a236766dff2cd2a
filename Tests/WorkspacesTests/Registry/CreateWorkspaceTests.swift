import BerthProtocol
import Foundation
import JSON
import Platform
import Testing

@testable import Workspaces

@Suite struct CreateWorkspaceTests {
  let fixture: RegistryFixture
  var service: WorkspaceService { fixture.service }

  init() throws {
    fixture = try RegistryFixture()
  }

  @Test func `a workspace without a path gets a folder in the home`() throws {
    let created = try service.create(.init(name: "Über Café", labels: ["team": "a"], metadata: ["x": 1]))
    let workspace = created.workspace
    #expect(created.created)
    #expect(workspace.id.hasPrefix("ws_"))
    #expect(workspace.slug == "uber-cafe")
    #expect(workspace.path == fixture.home.path + "/workspaces/uber-cafe")
    #expect(workspace.managed)
    #expect(workspace.state == .active)
    #expect(workspace.folderState == .present)
    #expect(workspace.version == 1)
    #expect(workspace.labels == ["team": "a"])
    #expect(workspace.metadata["x"] == 1)
    #expect(try fixture.events() == ["workspace.created"])
  }

  @Test func `an existing folder is taken as it is`() throws {
    let path = try fixture.folder("projects/shop")
    let workspace = try service.create(.init(path: path)).workspace
    #expect(workspace.name == "shop")
    #expect(workspace.slug == "shop")
    #expect(workspace.path == path)
    #expect(!workspace.managed)
    #expect(fixture.text(path + "/file.txt") == "hello")
  }

  @Test func `missing folders are made`() throws {
    let workspace = try service.create(.init(path: fixture.root + "/a/b/./c/")).workspace
    #expect(workspace.path == fixture.root + "/a/b/c")
    #expect(workspace.folderState == .present)
  }

  @Test func `a link is recorded as the folder that it leads to`() throws {
    let path = try fixture.folder("real")
    try FileManager.default.createSymbolicLink(atPath: fixture.root + "/link", withDestinationPath: path)
    #expect(try service.create(.init(path: fixture.root + "/link")).workspace.path == path)
  }

  @Test func `what cannot be a folder is refused`() throws {
    let path = try fixture.folder("a")
    expectError(.invalidArgument) { try service.create(.init(path: "relative/path")) }
    expectError(.invalidArgument) { try service.create(.init(path: fixture.root + "/missing/../../x")) }
    expectError(.notADirectory) { try service.create(.init(path: path + "/file.txt")) }
    expectError(.notADirectory) { try service.create(.init(path: path + "/file.txt/below")) }
    #expect(service.count == 0)
  }

  @Test func `Berth's own folders cannot be workspaces`() throws {
    let home = fixture.home.path
    for path in ["/", fixture.root, home, home + "/trash", home + "/trash/x", home + "/workspaces"] {
      expectError(.invalidArgument) { try service.create(.init(path: path)) }
    }
    #expect(!fixture.exists(home + "/trash/x"))
    #expect(try service.create(.init(path: home + "/workspaces/mine")).workspace.managed)
  }

  @Test func `two workspaces cannot share a folder, but one may lie in another`() throws {
    let outer = try fixture.workspace("outer")
    let error = expectError(.alreadyExists) { try service.create(.init(path: outer.path)) }
    #expect(error?.extra["workspace"] == .string(outer.id))
    #expect(try service.create(.init(path: outer.path + "/packages/inner")).workspace.folderState == .present)
  }

  @Test func `keys are unique and slugs are made so`() throws {
    let first = try service.create(.init(name: "App", key: "k")).workspace
    let error = expectError(.alreadyExists) { try service.create(.init(key: "k")) }
    #expect(error?.extra["workspace"] == .string(first.id))
    #expect(try service.create(.init(name: "app")).workspace.slug == "app-2")
    #expect(try service.create(.init(name: "APP!")).workspace.slug == "app-3")
    #expect(try service.create(.init(name: "日本")).workspace.slug == "workspace")
  }

  @Test func `a folder of the home that holds files is not taken for a new workspace`() throws {
    let left = try service.create(.init(name: "app")).workspace
    try "x".write(toFile: left.path + "/x", atomically: false, encoding: .utf8)
    _ = try service.delete(.init(workspace: left.id, files: .keep))
    let next = try service.create(.init(name: "app")).workspace
    #expect(next.slug == "app")
    #expect(next.path == fixture.home.path + "/workspaces/app-2")
  }

  @Test func `an empty folder that a dying server left in the home is taken`() throws {
    try FileManager.default.createDirectory(
      atPath: fixture.home.path + "/workspaces/app", withIntermediateDirectories: true)
    #expect(try service.create(.init(name: "app")).workspace.path == fixture.home.path + "/workspaces/app")
  }

  @Test func `a repeated key returns the first workspace as it is today`() throws {
    let params = WorkspaceCreate.Params(name: "app", idempotencyKey: "once")
    let first = try service.create(params)
    _ = try service.update(.init(workspace: first.workspace.id, name: "renamed"))
    try fixture.restart()
    let second = try service.create(params)
    #expect(!second.created)
    #expect(second.workspace.id == first.workspace.id)
    #expect(second.workspace.name == "renamed")
    #expect(service.count == 1)
    expectError(.idempotencyConflict) { try service.create(.init(name: "other", idempotencyKey: "once")) }
  }

  @Test func `metadata is bounded`() {
    let large = JSONObject([.init(key: "x", value: .string(String(repeating: "a", count: 1 << 20)))])
    expectError(.invalidArgument) { try service.create(.init(name: "a", metadata: large)) }
    #expect(service.count == 0)
  }
}

@Suite struct CreateFromTemplateTests {
  struct Refusal: Error {}

  let fixture: RegistryFixture
  var service: WorkspaceService { fixture.service }
  let params = WorkspaceCreate.Params(
    name: "app", template: TemplateSource(name: "swift"), idempotencyKey: "once")

  init() throws {
    fixture = try RegistryFixture()
  }

  static func job(for workspace: Workspace) -> Job {
    Job(
      id: "job_1", kind: .applyTemplate, title: "", state: .queued, workspace: workspace.id, stream: "job/job_1",
      version: 1, createdAt: Timestamp.now())
  }

  @Test func `the job that fills the workspace is returned`() throws {
    let filling = TemplateFilling(check: { _ in }, start: { workspace, _ in Self.job(for: workspace) })
    let created = try service.create(params, filling: filling)
    #expect(created.job?.workspace == created.workspace.id)
    #expect(try service.create(params, filling: filling).job?.id == "job_1")
  }

  @Test func `a faulty template makes nothing`() throws {
    let filling = TemplateFilling(
      check: { _ in throw ProtocolError(.templateNotFound, "No such template.") },
      start: { workspace, _ in Self.job(for: workspace) })
    expectError(.templateNotFound) { try service.create(params, filling: filling) }
    #expect(service.count == 0)
    #expect(!fixture.exists(fixture.home.path + "/workspaces/app"))
    #expect(throws: (any Error).self) { try fixture.events() }
  }

  @Test func `a workspace whose job cannot start is taken back`() throws {
    let failing = TemplateFilling(check: { _ in }, start: { _, _ in throw Refusal() })
    #expect(throws: Refusal.self) { try service.create(params, filling: failing) }
    #expect(service.count == 0)
    #expect(!fixture.exists(fixture.home.path + "/workspaces/app"))
    #expect(try fixture.events() == ["workspace.created", "workspace.purged"])

    let filling = TemplateFilling(check: { _ in }, start: { workspace, _ in Self.job(for: workspace) })
    let created = try service.create(params, filling: filling)
    #expect(created.created)
  }
}
