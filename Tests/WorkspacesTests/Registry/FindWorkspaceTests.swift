import BerthProtocol
import Foundation
import JSON
import Platform
import Testing

@testable import Workspaces

@Suite struct FindWorkspaceTests {
  let fixture: RegistryFixture
  var service: WorkspaceService { fixture.service }

  init() throws {
    fixture = try RegistryFixture()
  }

  @Test func `a reference is an id, then a key, then a slug`() throws {
    let first = try service.create(.init(name: "one", key: "two")).workspace
    let second = try service.create(.init(name: "two")).workspace
    let third = try service.create(.init(name: "three", key: first.id)).workspace
    #expect(try service.resolve("two").id == first.id)
    #expect(try service.resolve(second.id).id == second.id)
    #expect(try service.resolve(first.id).id == first.id)
    #expect(try service.resolve("three").id == third.id)
    expectError(.workspaceNotFound) { try service.resolve("four") }
  }

  @Test func `a deleted workspace is found by its id only`() throws {
    let workspace = try fixture.workspace("a", key: "k")
    _ = try service.delete(.init(workspace: "k"))
    #expect(try service.get(.init(workspace: workspace.id)).state == .deleted)
    let error = expectError(.workspaceNotFound) { try service.get(.init(workspace: "k")) }
    #expect(error?.extra["workspace"] == .string(workspace.id))
    expectError(.workspaceNotFound) { try service.resolve(workspace.id) }
  }

  @Test func `everything is there after a restart`() throws {
    let first = try service.create(
      .init(name: "one", key: "k", labels: ["a": "b"], metadata: ["n": ["deep": [1, 2.5, nil]]])
    ).workspace
    let second = try fixture.workspace("second")
    _ = try service.update(.init(workspace: second.id, state: .archived))
    let third = try fixture.workspace("third")
    let deleted = try service.delete(.init(workspace: third.id, files: .trash))
    try fixture.restart()
    #expect(try service.get(.init(workspace: first.id)) == first)
    #expect(try service.get(.init(workspace: second.id)).state == .archived)
    #expect(try service.get(.init(workspace: third.id)) == deleted)
    #expect(service.count == 2)
  }

  @Test func `a list is paged, oldest first`() throws {
    for number in 1...5 { _ = try service.create(.init(name: "w\(number)")) }
    var seen: [String] = []
    var cursor: String?
    repeat {
      let page = try service.list(.init(limit: 2, cursor: cursor))
      #expect(page.workspaces.count <= 2)
      seen += page.workspaces.map(\.slug)
      cursor = page.nextCursor
    } while cursor != nil
    #expect(seen == ["w1", "w2", "w3", "w4", "w5"])
    #expect(try service.list(.init(limit: 5)).nextCursor == nil)
  }

  @Test func `a list is filtered by labels and states`() throws {
    let first = try service.create(.init(name: "a", labels: ["team": "x", "tier": "1"])).workspace
    let second = try service.create(.init(name: "b", labels: ["team": "x"])).workspace
    let third = try service.create(.init(name: "c")).workspace
    _ = try service.update(.init(workspace: second.id, state: .archived))
    _ = try service.delete(.init(workspace: third.id))
    func ids(_ params: WorkspaceList.Params) throws -> [String] { try service.list(params).workspaces.map(\.id) }
    #expect(try ids(.init()) == [first.id, second.id])
    #expect(try ids(.init(labels: ["team": "x", "tier": "1"])) == [first.id])
    #expect(try ids(.init(states: [.archived])) == [second.id])
    #expect(try ids(.init(states: [.deleted])) == [third.id])
  }

  @Test func `a cursor of another list is refused`() {
    expectError(.invalidCursor) { try service.list(.init(cursor: "x")) }
    expectError(.invalidCursor) { try service.list(.init(cursor: "w.")) }
  }

  @Test func `the folder is looked at each time`() throws {
    let workspace = try fixture.workspace("a")
    func state() throws -> FolderState { try service.get(.init(workspace: workspace.id)).folderState }
    try FileManager.default.moveItem(atPath: workspace.path, toPath: fixture.root + "/b")
    #expect(try state() == .missing)
    try fixture.folder("a")
    #expect(try state() == .replaced)
    try FileManager.default.removeItem(atPath: workspace.path)
    try "a file".write(toFile: workspace.path, atomically: false, encoding: .utf8)
    #expect(try state() == .replaced)
    try FileManager.default.removeItem(atPath: workspace.path)
    try FileManager.default.moveItem(atPath: fixture.root + "/b", toPath: workspace.path)
    #expect(try state() == .present)
  }

  @Test func `a folder that was made anew is another one`() throws {
    let workspace = try fixture.workspace("a")
    // File systems give the inode of a removed folder to the next one that is made.
    try FileManager.default.removeItem(atPath: workspace.path)
    try fixture.folder("a")
    #expect(try service.get(.init(workspace: workspace.id)).folderState == .replaced)
  }
}
