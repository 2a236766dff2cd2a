import BerthProtocol
import Foundation
import JSON
import Platform
import Synchronization
import Testing

@testable import Workspaces

@Suite struct OpenWorkspaceTests {
  let fixture: RegistryFixture
  var service: WorkspaceService { fixture.service }
  let workspace: Workspace

  init() throws {
    fixture = try RegistryFixture()
    workspace = try fixture.workspace("a")
  }

  @Test func `the open folder is used again`() throws {
    let first = try service.open("a", for: .read)
    let second = try service.open(workspace.id, for: .write)
    #expect(first.directory === second.directory)
    #expect(try FolderLook.of(descriptor: first.directory.descriptor.withDescriptor { $0 }).isDirectory)
  }

  @Test func `a folder that was replaced is noticed`() throws {
    let first = try service.open("a", for: .read)
    try FileManager.default.moveItem(atPath: workspace.path, toPath: fixture.root + "/b")
    expectError(.folderMissing) { try service.open("a", for: .read) }
    try fixture.folder("a")
    let error = expectError(.folderMissing) { try service.open("a", for: .read) }
    #expect(error?.extra["folderState"] == "replaced")
    try service.adoptFolder(workspace.id)
    let second = try service.open("a", for: .read)
    #expect(first.directory !== second.directory)
    #expect(try service.resolve("a").version == 1)
  }

  @Test func `a link in the folder's place is not followed`() throws {
    try FileManager.default.moveItem(atPath: workspace.path, toPath: fixture.root + "/b")
    try FileManager.default.createSymbolicLink(
      atPath: workspace.path, withDestinationPath: fixture.root + "/b")
    expectError(.folderMissing) { try service.open("a", for: .read) }
  }

  @Test func `an archived workspace is read-only`() throws {
    _ = try service.update(.init(workspace: "a", state: .archived))
    _ = try service.open("a", for: .read)
    expectError(.workspaceArchived) { try service.open("a", for: .write) }
    expectError(.workspaceArchived) { try service.beginReplacing(workspace.id) }
  }

  @Test func `a job that replaces files keeps writers out`() throws {
    try service.beginReplacing(workspace.id)
    expectError(.workspaceBusy) { try service.beginReplacing(workspace.id) }
    service.nameReplacing(workspace.id, job: "job_1")
    _ = try service.open("a", for: .read)
    _ = try service.open("a", for: .replace)
    #expect(expectError(.workspaceBusy) { try service.open("a", for: .write) }?.extra["job"] == "job_1")
    service.endReplacing(workspace.id)
    _ = try service.open("a", for: .write)
  }

  @Test func `a job keeps writers out of the workspaces inside and around`() throws {
    let inner = try fixture.workspace("a/inner")
    let beside = try fixture.workspace("a-beside")
    try service.beginReplacing(inner.id, job: "job_1")
    expectError(.workspaceBusy) { try service.open("a", for: .write) }
    expectError(.workspaceBusy) { try service.beginReplacing(workspace.id) }
    _ = try service.open(beside.id, for: .write)
  }

  @Test func `a bounded number of folders is kept open`() throws {
    for number in 1...(DirectoryCache.capacity + 10) {
      let workspace = try service.create(.init(name: "w\(number)")).workspace
      _ = try service.open(workspace.id, for: .read)
    }
    #expect(service.directories.withLock { $0.count } == DirectoryCache.capacity)
  }
}
