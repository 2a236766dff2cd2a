import BerthProtocol
import Foundation
import JSON
import Platform
import Storage
import Testing

@testable import Workspaces

/// What the next server finds where one died between a rename and the change that belongs to it.
@Suite struct RecoverWorkspaceTests {
  let fixture: RegistryFixture
  var service: WorkspaceService { fixture.service }
  let workspace: Workspace
  let trash: String

  init() throws {
    fixture = try RegistryFixture()
    workspace = try fixture.workspace("a")
    trash = fixture.home.trash + "/" + workspace.id
  }

  @Test func `a deletion that had not renamed yet is forgotten`() throws {
    try fixture.leave(workspace.id) { $0.move = .init(from: workspace.path, to: trash) }
    try fixture.restart()
    #expect(try service.resolve("a") == workspace)
    #expect(try service.record("a").move == nil)
  }

  @Test func `a deletion that was never acknowledged is undone`() throws {
    try fixture.leave(workspace.id) { $0.move = .init(from: workspace.path, to: trash) }
    try Rename.withoutReplacing(workspace.path, trash)
    try fixture.restart()
    #expect(try service.resolve("a") == workspace)
    #expect(fixture.text(workspace.path + "/file.txt") == "hello")
    #expect(!fixture.exists(trash))
  }

  @Test func `a deletion that cannot be undone is completed`() throws {
    try fixture.leave(workspace.id) { $0.move = .init(from: workspace.path, to: trash) }
    try Rename.withoutReplacing(workspace.path, trash)
    try fixture.folder("a", holding: "new")
    try fixture.restart()
    let deleted = try service.get(.init(workspace: workspace.id))
    #expect(deleted.state == .deleted)
    #expect(try fixture.events().last == "workspace.deleted")
    let restored = try service.restore(.init(workspace: "a", path: fixture.root + "/b"))
    #expect(fixture.text(restored.path + "/file.txt") == "hello")
  }

  @Test func `a restore that was never acknowledged is undone`() throws {
    _ = try service.delete(.init(workspace: "a", files: .trash))
    let deleted = try service.get(.init(workspace: workspace.id))
    let target = fixture.root + "/b"
    try fixture.leave(workspace.id) { $0.move = .init(from: trash, to: target) }
    try Rename.withoutReplacing(trash, target)
    try fixture.restart()
    #expect(try service.get(.init(workspace: workspace.id)) == deleted)
    #expect(!fixture.exists(target))
    #expect(try service.restore(.init(workspace: "a")).folderState == .present)
  }

  @Test func `a restore that cannot be undone is completed`() throws {
    _ = try service.delete(.init(workspace: "a", files: .trash))
    let target = fixture.root + "/b"
    try fixture.leave(workspace.id) { $0.move = .init(from: trash, to: target) }
    try Rename.withoutReplacing(trash, target)
    try FileManager.default.createDirectory(atPath: trash, withIntermediateDirectories: false)
    try fixture.restart()
    let restored = try service.resolve("a")
    #expect(restored.path == target)
    #expect(restored.folderState == .present)
    #expect(try fixture.events().last == "workspace.restored")
  }

  @Test func `files that were to go still go`() throws {
    let left = fixture.home.trash + "/left"
    try FileManager.default.createDirectory(atPath: left + "/x/y", withIntermediateDirectories: true)
    try fixture.database.write { db in try TrashTable.addRemoval(of: left, in: db) }
    try fixture.restart()
    #expect(!fixture.exists(left))
    #expect(try fixture.database.read { db in try TrashTable.removals(in: db) }.isEmpty)
  }

  @Test(arguments: [true, false]) func `an exchange of the folder is seen`(_ wasExchanged: Bool) throws {
    let staged = try fixture.folder("staged", holding: "new")
    try service.announceFolder(workspace.id, at: staged)
    #expect(try service.resolve("a").folderState == .present)
    if wasExchanged {
      try Rename.withoutReplacing(workspace.path, fixture.root + "/old")
      try Rename.withoutReplacing(staged, workspace.path)
      #expect(try service.resolve("a").folderState == .present)
    }
    try fixture.restart()
    #expect(try service.resolve("a").folderState == .present)
    #expect(try service.record("a").incoming == nil)
    #expect(fixture.text(workspace.path + "/file.txt") == (wasExchanged ? "new" : "hello"))
  }
}
