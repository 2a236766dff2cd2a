import BerthProtocol
import Foundation
import JSON
import Platform
import Testing

@testable import Workspaces

@Suite struct DeleteWorkspaceTests {
  let fixture: RegistryFixture
  var service: WorkspaceService { fixture.service }

  init() throws {
    fixture = try RegistryFixture()
  }

  func trash(of workspace: Workspace) -> String { fixture.home.trash + "/" + workspace.id }

  @Test func `a folder of the user's is kept unless told otherwise`() throws {
    let workspace = try fixture.workspace("a")
    let deleted = try service.delete(.init(workspace: "a"))
    #expect(deleted.state == .deleted)
    #expect(deleted.deletedAt != nil)
    #expect(
      deleted.restorableUntil == Timestamp.string(nanosecondsSince1970: fixture.clock.nanoseconds + 1_000_000_000_000))
    #expect(fixture.text(workspace.path + "/file.txt") == "hello")
    let restored = try service.restore(.init(workspace: "a"))
    #expect(restored.state == .active)
    #expect(restored.folderState == .present)
    #expect(try fixture.events() == ["workspace.created", "workspace.deleted", "workspace.restored"])
  }

  @Test func `files in the home go to the trash and come back`() throws {
    let workspace = try service.create(.init(name: "a")).workspace
    try "hello".write(toFile: workspace.path + "/file.txt", atomically: false, encoding: .utf8)
    _ = try service.update(.init(workspace: "a", state: .archived))
    let deleted = try service.delete(.init(workspace: "a"))
    #expect(deleted.folderState == .missing)
    #expect(!fixture.exists(workspace.path))
    #expect(fixture.text(trash(of: workspace) + "/file.txt") == "hello")
    try fixture.restart()
    let restored = try service.restore(.init(workspace: "a"))
    #expect(restored.state == .archived)
    #expect(restored.folderState == .present)
    #expect(restored.deletedAt == nil)
    #expect(fixture.text(workspace.path + "/file.txt") == "hello")
    #expect(!fixture.exists(trash(of: workspace)))
  }

  @Test func `files on another file system go to the trash beside them`() throws {
    let shared = "/dev/shm/berth-test-\(UUID().uuidString)"
    let home = try FolderLook.at(fixture.home.path).identity.device
    guard let look = try? FolderLook.at("/dev/shm"), look.identity.device != home else { return }
    try FileManager.default.createDirectory(atPath: shared + "/a", withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: shared) }
    let workspace = try service.create(.init(path: shared + "/a")).workspace
    _ = try service.delete(.init(workspace: "a", files: .trash))
    #expect(fixture.exists(shared + "/.berth-trash-\(workspace.id)"))
    let error = expectError(.invalidArgument) {
      try service.restore(.init(workspace: "a", path: fixture.root + "/new/a"))
    }
    #expect(error?.message.contains("another file system") == true)
    #expect(!fixture.exists(fixture.root + "/new"))
    #expect(try service.restore(.init(workspace: "a")).folderState == .present)
  }

  @Test func `files that are deleted are gone`() throws {
    let workspace = try fixture.workspace("a")
    // What a package tool leaves behind: folders closed to their owner, and a tree deeper than a path can be long.
    var deep = workspace.path
    for _ in 0..<90 { deep += "/folder" }
    try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: true)
    try "x".write(toFile: deep + "/x", atomically: false, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o500], ofItemAtPath: deep)
    let deleted = try service.delete(.init(workspace: "a", files: .delete))
    #expect(deleted.filesDeleted)
    #expect(!fixture.exists(workspace.path))
    #expect(!fixture.exists(trash(of: workspace)))
    let restored = try service.restore(.init(workspace: "a"))
    #expect(restored.folderState == .present)
    #expect(!restored.filesDeleted)
    #expect(!fixture.exists(workspace.path + "/file.txt"))
  }

  @Test func `what must never be removed is not`() throws {
    for path in ["/proc", "/dev/shm"] {
      guard let look = try? FolderLook.at(path), look.isMountPoint == true else { continue }
      let workspace = try service.create(.init(path: path)).workspace
      expectError(.invalidArgument) { try service.delete(.init(workspace: workspace.id, files: .trash)) }
      expectError(.invalidArgument) { try service.delete(.init(workspace: workspace.id, files: .delete)) }
      _ = try service.delete(.init(workspace: workspace.id, files: .keep))
    }
    let user = try fixture.folder("user")
    let rules = FolderRules(home: fixture.home, userHomes: [user + "/me"])
    let look = try FolderLook.at(user)
    for path in ["/", user, user + "/me", fixture.root, fixture.home.path, fixture.home.trash] {
      expectError(.invalidArgument) { try rules.checkMayBeMoved(path, look) }
    }
    try rules.checkMayBeMoved(user + "/me/project", look)
  }

  @Test func `a folder that holds another workspace is not moved`() throws {
    let outer = try fixture.workspace("outer")
    let inner = try fixture.workspace("outer/inner")
    let error = expectError(.invalidArgument) { try service.delete(.init(workspace: "outer", files: .trash)) }
    #expect(error?.extra["workspace"] == .string(inner.id))
    _ = try service.delete(.init(workspace: "inner"))
    _ = try service.delete(.init(workspace: "outer", files: .trash))
    #expect(!fixture.exists(outer.path))
  }

  @Test func `a folder that stands in the workspace's place is not touched`() throws {
    let workspace = try fixture.workspace("a")
    try FileManager.default.moveItem(atPath: workspace.path, toPath: fixture.root + "/moved")
    try fixture.folder("a", holding: "of somebody else")
    expectError(.invalidArgument) { try service.delete(.init(workspace: "a", files: .delete)) }
    _ = try service.delete(.init(workspace: "a"))
    #expect(fixture.text(workspace.path + "/file.txt") == "of somebody else")
  }

  @Test func `a workspace whose folder is gone can be deleted`() throws {
    let workspace = try fixture.workspace("a")
    try FileManager.default.removeItem(atPath: workspace.path)
    #expect(try service.delete(.init(workspace: "a", files: .trash)).filesDeleted == false)
    #expect(try service.restore(.init(workspace: "a")).folderState == .missing)
  }

  @Test func `a workspace that a job works on is not deleted`() throws {
    let workspace = try fixture.workspace("a")
    try service.beginReplacing(workspace.id, job: "job_1")
    let error = expectError(.workspaceBusy) { try service.delete(.init(workspace: "a")) }
    #expect(error?.extra["job"] == "job_1")
    service.endReplacing(workspace.id)
    _ = try service.delete(.init(workspace: "a"))
  }
}

@Suite struct RestoreWorkspaceTests {
  let fixture: RegistryFixture
  var service: WorkspaceService { fixture.service }
  let workspace: Workspace

  init() throws {
    fixture = try RegistryFixture()
    workspace = try fixture.workspace("a", key: "k")
    _ = try service.delete(.init(workspace: "a", files: .trash))
  }

  @Test func `only a deleted workspace is restored`() throws {
    _ = try service.restore(.init(workspace: "k"))
    expectError(.invalidArgument) { try service.restore(.init(workspace: "k")) }
    expectError(.workspaceNotFound) { try service.restore(.init(workspace: "b")) }
  }

  @Test func `something that is in the way is kept`() throws {
    try fixture.folder("a", holding: "new")
    expectError(.alreadyExists) { try service.restore(.init(workspace: "a")) }
    let restored = try service.restore(.init(workspace: "a", path: fixture.root + "/elsewhere/b"))
    #expect(restored.path == fixture.root + "/elsewhere/b")
    #expect(fixture.text(restored.path + "/file.txt") == "hello")
    #expect(fixture.text(workspace.path + "/file.txt") == "new")
  }

  @Test func `a name that was given away is told`() throws {
    let other = try fixture.workspace("a")
    let error = expectError(.invalidArgument) { try service.restore(.init(workspace: "a")) }
    #expect(error?.extra["workspace"] == .string(workspace.id))
    let restored = try service.restore(.init(workspace: workspace.id, path: fixture.root + "/b"))
    #expect(restored.slug == "a-2")
    #expect(other.slug == "a")
  }

  @Test func `a key that was given away stops it`() throws {
    let other = try fixture.workspace("b", key: "k")
    let error = expectError(.alreadyExists) { try service.restore(.init(workspace: workspace.id)) }
    #expect(error?.extra["workspace"] == .string(other.id))
  }

  @Test func `a trash that was emptied by hand is told`() throws {
    try FileManager.default.removeItem(atPath: fixture.home.trash + "/" + workspace.id)
    expectError(.folderMissing) { try service.restore(.init(workspace: "a")) }
  }

  @Test func `after its time it is gone for good`() throws {
    fixture.clock.advance(seconds: 999)
    #expect(try service.purgeExpired().isEmpty)
    fixture.clock.advance(seconds: 1)
    expectError(.workspaceNotFound) { try service.restore(.init(workspace: "a")) }
    #expect(try service.purgeExpired().map(\.id) == [workspace.id])
    #expect(!fixture.exists(fixture.home.trash + "/" + workspace.id))
    expectError(.workspaceNotFound) { try service.get(.init(workspace: workspace.id)) }
    #expect(try fixture.events().last == "workspace.purged")
    try fixture.restart()
    #expect(try service.list(.init(states: [.deleted])).workspaces.isEmpty)
  }
}
