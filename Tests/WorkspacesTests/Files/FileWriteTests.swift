import BerthProtocol
import Glibc
import JSON
import Platform
import Synchronization
import Testing

@testable import Workspaces

struct FileWriteTests {
  let files: FilesFixture

  init() throws { files = try FilesFixture() }

  private func write(
    _ path: String, _ content: String = "new", encoding: ContentEncoding = .utf8, ifMatch: String? = nil,
    onlyNew: Bool = false, createParents: Bool = false, mode: Int? = nil
  ) throws -> FileWritten {
    try files.service.write(
      FileWrite.Params(
        workspace: "w", path: path, content: content, encoding: encoding, ifMatch: ifMatch,
        ifNoneMatch: onlyNew ? .any : nil, createParents: createParents, mode: mode))
  }

  @Test func `A file is made and replaced`() throws {
    let mask = umask(0o027)
    defer { umask(mask) }
    let made = try write("file", "one")
    #expect(made.created && made.file.size == 3 && made.file.type == .file && made.file.mode == 0o640)
    #expect(made.file == (try files.stat("file")))
    let replaced = try write("file", "två")
    #expect(!replaced.created && replaced.file.etag != made.file.etag)
    #expect(try files.content("file") == "två")
    #expect(try files.names() == ["file"])
  }

  @Test func `Base64 is written as bytes, and what is none is refused`() throws {
    _ = try write("file", "/wCA", encoding: .base64)
    #expect(try files.read("file").content == "/wCA")
    #expect(try files.read("file").size == 3)
    for text in ["/wC", "/w=A", "/wCA\n", "/wCB=", "*wCA"] {
      #expect(errorType { try write("file", text, encoding: .base64) } == .contentInvalid, "\(text)")
    }
  }

  @Test func `The mode of the file before is kept, or the one that was named is set`() throws {
    try files.put("file", "old")
    #expect(chmod(files.path + "/file", 0o751) == 0)
    #expect(try write("file").file.mode == 0o751)
    #expect(try write("file", mode: 0o604).file.mode == 0o604)
    #expect(try write("new", mode: 0o666).file.mode == 0o666)
  }

  @Test func `A write asks for an ETag or for nothing to be there`() throws {
    let etag = try write("file", "one", onlyNew: true).file.etag
    #expect(errorType { try write("file", onlyNew: true) } == .alreadyExists)
    let next = try write("file", "two", ifMatch: etag).file.etag
    do {
      _ = try write("file", "three", ifMatch: etag)
      Issue.record("an old ETag was accepted")
    } catch let error as ProtocolError {
      #expect(error.type == .etagMismatch && error.extra["etag"] == .string(next))
    }
    #expect(try files.content("file") == "two")
    for path in ["missing", "missing/below"] {
      do {
        _ = try write(path, ifMatch: etag, createParents: true)
        Issue.record("an ETag of nothing was accepted")
      } catch let error as ProtocolError {
        #expect(error.type == .etagMismatch && error.extra["etag"] == nil)
      }
    }
    #expect(!files.exists("missing"))
  }

  @Test func `Folders on the way are made where that is asked for`() throws {
    #expect(errorType { try write("a/b/file") } == .fileNotFound)
    #expect(try write("a/b/file", createParents: true).created)
    try files.put("plain")
    #expect(errorType { try write("plain/file", createParents: true) } == .notADirectory)
  }

  @Test func `A link inside is followed and stays a link`() throws {
    try files.put("a/real", "old")
    try files.link("link", to: "a/real")
    try files.link("a/again", to: "../link")
    _ = try write("a/again", "new")
    #expect(try files.content("a/real") == "new")
    #expect(try files.stat("link").type == .symlink && files.stat("a/again").type == .symlink)
    let etag = try files.read("link").etag
    #expect(try write("link", "newer", ifMatch: etag).created == false)
    try files.link("dangling", to: "a/made")
    #expect(try write("dangling", "made").created)
    #expect(try files.content("a/made") == "made")
  }

  @Test func `Nothing is written outside, or over what is no file`() throws {
    try files.link("etc", to: "/etc")
    try files.link("out", to: "../berth-escaped")
    try files.link("absolute", to: files.path + "/file")
    try files.folder("folder")
    #expect(mkfifo(files.path + "/pipe", 0o600) == 0)
    #expect(errorType { try write("etc/berth-escaped") } == .pathEscapes)
    #expect(errorType { try write("etc/new/berth-escaped", createParents: true) } == .pathEscapes)
    #expect(errorType { try write("out") } == .pathEscapes)
    #expect(errorType { try write("absolute") } == .pathEscapes)
    #expect(errorType { try write("../berth-escaped") } == .pathEscapes)
    #expect(errorType { try write("folder") } == .isADirectory)
    #expect(errorType { try write(".") } == .isADirectory)
    #expect(errorType { try write("pipe") } == .notAFile)
    #expect(errorType { try write(".berth-own") } == .invalidArgument)
    #expect(access("/tmp/berth-escaped", F_OK) != 0 && access("/etc/berth-escaped", F_OK) != 0)
  }

  @Test(.enabled(if: getuid() != 0, "root may write anything"))
  func `A file that denies writing is not replaced`() throws {
    try files.put("file", "kept")
    #expect(chmod(files.path + "/file", 0o444) == 0)
    #expect(errorType { try write("file") } == .permissionDenied)
    #expect(try files.content("file") == "kept")
  }

  @Test func `Links that are swapped meanwhile never lead a write outside`() throws {
    let outside = try FilesFixture()
    try files.folder("real")
    try files.link("way", to: "real")
    let (directory, target) = (files.directory, outside.path)
    let stop = Atomic<Bool>(false)
    try withThread {
      var turn = false
      while !stop.load(ordering: .relaxed) {
        turn.toggle()
        try? directory.makeLink("next", to: Array((turn ? target : "real").utf8))
        try? directory.rename("next", to: Place(directory: directory, name: "way"), .replace)
      }
    } while: {
      defer { stop.store(true, ordering: .relaxed) }
      var outcomes: [ErrorType?: Int] = [:]
      for round in 0..<3_000 {
        let outcome = errorType { try write("way/file", "\(round)", createParents: true) }
        outcomes[outcome, default: 0] += 1
        let other = errorType { try files.service.mkdir(FileMkdir.Params(workspace: "w", path: "way/f\(round)")) }
        outcomes[other, default: 0] += 1
      }
      #expect(outcomes.keys.allSatisfy { [nil, .pathEscapes].contains($0) }, "\(outcomes)")
      #expect(outcomes[nil] != nil)
    }
    #expect(try outside.names().isEmpty)
  }

  @Test func `A file that is swapped for a link meanwhile never leads a write outside`() throws {
    let outside = try FilesFixture()
    try outside.put("file", "untouched")
    try files.put("file")
    let (directory, target) = (files.directory, outside.path + "/file")
    let stop = Atomic<Bool>(false)
    try withThread {
      while !stop.load(ordering: .relaxed) {
        try? directory.makeLink("next", to: Array(target.utf8))
        try? directory.rename("next", to: Place(directory: directory, name: "file"), .replace)
      }
    } while: {
      defer { stop.store(true, ordering: .relaxed) }
      for round in 0..<3_000 {
        let outcome = errorType { try write("file", "\(round)") }
        #expect(outcome == nil || outcome == .pathEscapes)
      }
    }
    #expect(try outside.content("file") == "untouched")
  }

  @Test func `Of many writers each time exactly one makes the file`() async throws {
    for round in 0..<50 {
      let made = await withTaskGroup(of: Bool.self) { group in
        for writer in 0..<4 {
          group.addTask { (try? write("file-\(round)", "\(writer)", onlyNew: true).created) ?? false }
        }
        return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
      #expect(made == 1)
    }
  }
}

/// Runs `body` on a thread of its own while `meanwhile` runs here, and waits for its end.
func withThread(_ body: @escaping @Sendable () -> Void, while meanwhile: () throws -> Void) throws {
  let done = ThreadEnd()
  startDetached("test") {
    body()
    done.signal()
  }
  defer { done.wait() }
  try meanwhile()
}

/// A semaphore of the C library. It may be used by many threads; its memory is freed when nobody holds the object.
private final class ThreadEnd: @unchecked Sendable {
  private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

  init() { sem_init(semaphore, 0, 0) }
  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }
  func signal() { sem_post(semaphore) }
  func wait() { while sem_wait(semaphore) != 0 {} }
}
