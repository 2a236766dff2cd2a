import BerthProtocol
import Glibc
import Platform
import Testing

@testable import Workspaces

struct FileChangeTests {
  let files: FilesFixture

  init() throws { files = try FilesFixture() }

  private func delete(_ path: String, recursive: Bool = false, ifMatch: String? = nil) throws -> FileDeleted {
    try files.service.delete(
      FileDelete.Params(workspace: "w", path: path, recursive: recursive, ifMatch: ifMatch))
  }

  private func mkdir(_ path: String, parents: Bool = false, mode: Int? = nil) throws -> FileInfo {
    try files.service.mkdir(FileMkdir.Params(workspace: "w", path: path, parents: parents, mode: mode))
  }

  private func move(
    _ from: String, _ to: String, overwrite: Bool = false, createParents: Bool = false, ifMatch: String? = nil
  ) throws -> FileInfo {
    try files.service.move(
      FileMove.Params(
        workspace: "w", from: from, to: to, overwrite: overwrite, createParents: createParents, ifMatch: ifMatch))
  }

  private func copy(
    _ from: String, _ to: String, recursive: Bool = false, overwrite: Bool = false, createParents: Bool = false
  ) throws -> FileInfo {
    try files.service.copy(
      FileCopy.Params(
        workspace: "w", from: from, to: to, recursive: recursive, overwrite: overwrite, createParents: createParents))
  }

  // MARK: Deleting

  @Test func `Files, links and folders are deleted, what links lead to is not`() throws {
    try files.put("a/file", "1")
    try files.put("kept")
    try files.link("a/link", to: "../kept")
    #expect(try delete("a/link") == FileDeleted(path: "a/link", entries: 1))
    #expect(files.exists("kept"))
    #expect(errorType { try delete("a") } == .directoryNotEmpty)
    try files.link("way", to: "a")
    #expect(try delete("way").entries == 1)
    #expect(try delete("a", recursive: true).entries == 2)
    #expect(errorType { try delete("a") } == .fileNotFound)
    #expect(errorType { try delete(".", recursive: true) } == .invalidArgument)
    #expect(errorType { try delete("x/..", recursive: true) } == .invalidArgument)
    #expect(errorType { try delete("../x") } == .pathEscapes)
    _ = try mkdir("empty")
    #expect(try delete("empty").entries == 1)
  }

  @Test func `A delete asks for an ETag`() throws {
    try files.put("file", "1")
    let etag = try files.stat("file").etag
    try files.put("file", "2")
    #expect(errorType { try delete("file", ifMatch: etag) } == .etagMismatch)
    #expect(try delete("file", ifMatch: files.stat("file").etag).entries == 1)
  }

  // MARK: Making folders

  @Test func `Folders are made`() throws {
    let mask = umask(0o027)
    defer { umask(mask) }
    #expect(try mkdir("a").mode == 0o750)
    #expect(errorType { try mkdir("a") } == .alreadyExists)
    #expect(try mkdir("a", parents: true).type == .directory)
    #expect(errorType { try mkdir("b/c") } == .fileNotFound)
    #expect(try mkdir("b/c", parents: true, mode: 0o777).mode == 0o777)
    try files.put("file")
    #expect(errorType { try mkdir("file", parents: true) } == .notADirectory)
    #expect(errorType { try mkdir("file/a", parents: true) } == .notADirectory)
    #expect(errorType { try mkdir("file") } == .alreadyExists)
    #expect(try mkdir(".", parents: true).path == ".")
    #expect(errorType { try mkdir(".") } == .alreadyExists)
    try files.link("etc", to: "/etc")
    #expect(errorType { try mkdir("etc/berth", parents: true) } == .pathEscapes)
    #expect(errorType { try mkdir("etc", parents: true) } == .pathEscapes)
  }

  // MARK: Moving

  @Test func `Files, links and folders are moved`() throws {
    try files.put("a/file", "1")
    try files.link("a/link", to: "missing")
    #expect(try move("a/file", "b") == files.stat("b"))
    #expect(try move("a/link", "c").type == .symlink)
    #expect(try move("a", "d/e", createParents: true).path == "d/e")
    #expect(errorType { try move("a", "x") } == .fileNotFound)
    #expect(errorType { try move("b", "no/x") } == .fileNotFound)
    #expect(try files.names() == ["b", "c", "d"])
  }

  @Test func `A move replaces files where that is asked for, and folders never`() throws {
    try files.put("one", "1")
    try files.put("two", "2")
    try files.folder("folder")
    try files.folder("empty")
    #expect(errorType { try move("one", "two") } == .alreadyExists)
    #expect(errorType { try move("one", "folder", overwrite: true) } == .isADirectory)
    #expect(errorType { try move("folder", "empty", overwrite: true) } == .isADirectory)
    #expect(errorType { try move("folder", "one", overwrite: true) } == .notADirectory)
    #expect(errorType { try move("folder", "empty") } == .alreadyExists)
    #expect(try move("one", "two", overwrite: true).size == 1)
    #expect(try files.content("two") == "1")
    #expect(link(files.path + "/two", files.path + "/same") == 0)
    _ = try move("two", "same", overwrite: true)
    #expect(try files.names() == ["empty", "folder", "same"])
  }

  @Test func `A folder does not go into itself, nor the workspace anywhere`() throws {
    try files.folder("a/b")
    try files.link("way", to: "a/b")
    #expect(errorType { try move("a", "a/b/c") } == .invalidArgument)
    #expect(errorType { try move("a", "way/c") } == .invalidArgument)
    #expect(errorType { try move("a", "a") } == .invalidArgument)
    #expect(errorType { try move(".", "c") } == .invalidArgument)
    #expect(errorType { try move("a", ".") } == .invalidArgument)
    #expect(errorType { try move("a", ".berth-x") } == .invalidArgument)
    #expect(errorType { try move("a", "../c") } == .pathEscapes)
    #expect(errorType { try copy("a", "a/b/c", recursive: true) } == .invalidArgument)
    #expect(try copy("a", "way/c", recursive: true).type == .directory)
    #expect(try files.names(in: "a/b") == ["c"])
  }

  @Test func `A move asks for an ETag`() throws {
    try files.put("file", "1")
    #expect(errorType { try move("file", "other", ifMatch: "nothing") } == .etagMismatch)
    #expect(try move("file", "other", ifMatch: files.stat("file").etag).path == "other")
  }

  // MARK: Copying

  @Test func `Files, links and folders are copied`() throws {
    try files.put("a/file", "content")
    try files.link("a/link", to: "file")
    #expect(try copy("a/file", "copy").size == 7)
    #expect(try copy("a/link", "link").target == "file")
    #expect(errorType { try copy("a", "b") } == .isADirectory)
    #expect(try copy("a", "x/b", recursive: true, createParents: true).type == .directory)
    #expect(try files.names(in: "x/b") == ["file", "link"])
    #expect(errorType { try copy("a/file", "copy") } == .alreadyExists)
    #expect(errorType { try copy("a/file", "x", overwrite: true) } == .isADirectory)
    #expect(errorType { try copy("a", "copy", recursive: true, overwrite: true) } == .notADirectory)
    try files.put("a/file", "other")
    #expect(try copy("a/file", "copy", overwrite: true).size == 5)
    #expect(try files.content("x/b/file") == "content")
    #expect(try files.names() == ["a", "copy", "link", "x"])
  }

  @Test func `What cannot be copied is named, and nothing of it stays`() throws {
    try files.put("a/file")
    #expect(mkfifo(files.path + "/a/pipe", 0o600) == 0)
    do {
      _ = try copy("a", "b", recursive: true)
      Issue.record("a pipe was copied")
    } catch let error as ProtocolError {
      #expect(error.type == .notAFile && error.message.contains("a/pipe"))
    }
    #expect(try files.names() == ["a"])
  }

  @Test func `A copy whose caller has gone is given up`() async throws {
    for index in 0..<20 { try files.put("a/\(index)") }
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      _ = try copy("a", "b", recursive: true)
    }
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(try files.names() == ["a"])
  }
}
