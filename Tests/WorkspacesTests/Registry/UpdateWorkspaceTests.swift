import BerthProtocol
import Foundation
import JSON
import Platform
import Testing

@testable import Workspaces

@Suite struct UpdateWorkspaceTests {
  let fixture: RegistryFixture
  var service: WorkspaceService { fixture.service }
  let workspace: Workspace

  init() throws {
    fixture = try RegistryFixture()
    workspace = try fixture.workspace("a")
  }

  @Test func `the slug follows the name`() throws {
    _ = try fixture.workspace("b")
    let updated = try service.update(.init(workspace: "a", name: "B"))
    #expect(updated.name == "B")
    #expect(updated.slug == "b-2")
    #expect(updated.version == 2)
    #expect(try service.resolve("b-2").id == workspace.id)
    expectError(.workspaceNotFound) { try service.resolve("a") }
    #expect(try fixture.events().last == "workspace.updated")
  }

  @Test func `labels and metadata are merged`() throws {
    _ = try service.update(.init(workspace: "a", labels: ["x": "1", "y": "2"], metadata: ["deep": ["p": 1, "q": 2]]))
    let updated = try service.update(.init(workspace: "a", labels: ["x": nil], metadata: ["deep": ["p": nil]]))
    #expect(updated.labels == ["y": "2"])
    #expect(updated.metadata == ["deep": ["q": 2]])
  }

  @Test func `a patch that makes no labels is refused with every fault`() throws {
    let error = expectError(.invalidArgument) {
      try service.update(
        .init(workspace: "a", labels: ["x": 1, "y": .string(String(repeating: "a", count: 257)), "z": "fine"]))
    }
    #expect(error?.errors.map(\.loc) == [["labels", "x"], ["labels", "y"]])
    #expect(try service.resolve("a") == workspace)
  }

  @Test func `a change of an older version is refused`() throws {
    _ = try service.update(.init(workspace: "a", name: "b", ifVersion: 1))
    let error = expectError(.versionConflict) { try service.update(.init(workspace: "b", name: "c", ifVersion: 1)) }
    #expect(error?.extra["version"] == 2)
    expectError(.versionConflict) { try service.delete(.init(workspace: "b", ifVersion: 1)) }
  }

  @Test func `a call that changes nothing leaves the version`() throws {
    let events = try fixture.events().count
    #expect(try service.update(.init(workspace: "a", name: "a", state: .active)) == workspace)
    #expect(try fixture.events().count == events)
  }

  @Test func `a folder that was moved is pointed at again`() throws {
    let moved = fixture.root + "/moved"
    try FileManager.default.moveItem(atPath: workspace.path, toPath: moved)
    expectError(.folderMissing) { try service.open("a", for: .read) }
    let updated = try service.update(.init(workspace: "a", path: moved))
    #expect(updated.path == moved)
    #expect(updated.folderState == .present)
    #expect(try service.open("a", for: .write).workspace.path == moved)
  }

  @Test func `a folder that was replaced is taken by pointing at it again`() throws {
    try FileManager.default.moveItem(atPath: workspace.path, toPath: fixture.root + "/old")
    try fixture.folder("a")
    #expect(try service.update(.init(workspace: "a", path: workspace.path)).folderState == .present)
  }

  @Test func `only a free folder that is there can be pointed at`() throws {
    let other = try fixture.workspace("b")
    expectError(.invalidArgument) { try service.update(.init(workspace: "a", path: fixture.root + "/missing")) }
    expectError(.notADirectory) { try service.update(.init(workspace: "a", path: other.path + "/file.txt")) }
    expectError(.alreadyExists) { try service.update(.init(workspace: "a", path: other.path)) }
    expectError(.invalidArgument) { try service.update(.init(workspace: "a", path: fixture.home.path)) }
    #expect(try service.resolve("a") == workspace)
  }
}
