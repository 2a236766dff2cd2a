import Glibc
import Platform
import Synchronization
import Testing

struct DirectoryTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func `Links are followed beneath the folder and nowhere else`() throws {
    try folder.directory.makeDirectories(RelativePath("a/b"))
    try folder.write("a/b/file", "content")
    try folder.link("a/inside", to: "b/file")
    try folder.link("a/b/up", to: "../../a/b")
    try folder.link("etc", to: "/etc")
    try folder.link("a/out", to: "../../etc/passwd")
    try folder.link("self", to: "/proc/self/root/etc/passwd")
    try folder.link("circle", to: "circle")
    #expect(try folder.read("a/inside") == "content")
    #expect(try folder.read("a/b/up/file") == "content")
    for path in ["etc/passwd", "a/out", "self"] {
      #expect(errorNumber { try folder.directory.open(RelativePath(path), .read) } == EXDEV, "\(path)")
    }
    #expect(errorNumber { try folder.read("circle") } == ELOOP)
  }

  @Test func `A status is that of the link itself`() throws {
    try folder.link("link", to: "/etc")
    try folder.directory.makeDirectories(RelativePath("a"))
    try folder.link("a/link", to: "missing")
    #expect(try folder.directory.status(of: RelativePath("link")).kind == .link)
    #expect(try folder.directory.status(of: RelativePath("a/link")).kind == .link)
    #expect(try folder.directory.readLink("link") == Array("/etc".utf8))
    #expect(try folder.directory.status(of: RelativePath.root).kind == .directory)
  }

  @Test func `No link that is swapped during a call leads out`() throws {
    try folder.directory.makeDirectories(RelativePath("real"))
    try folder.write("real/passwd", "inside")
    try folder.link("way", to: "real")
    let directory = folder.directory
    let stop = Atomic<Bool>(false)
    try withThread {
      // Renames a link to the outside over the one to the inside, and back.
      var turn = false
      while !stop.load(ordering: .relaxed) {
        turn.toggle()
        try? directory.makeLink("next", to: Array((turn ? "/etc" : "real").utf8))
        try? directory.rename("next", to: Place(directory: directory, name: "way"), .replace)
      }
    } while: {
      defer { stop.store(true, ordering: .relaxed) }
      var outcomes: [Int32: Int] = [:]
      for _ in 0..<20_000 {
        do {
          let file = try directory.open(RelativePath("way/passwd"), .read)
          #expect(try file.status().size == 6)
          outcomes[0, default: 0] += 1
        } catch {
          outcomes[(error as? SystemError)?.errno ?? -1, default: 0] += 1
        }
      }
      #expect(outcomes.keys.allSatisfy { [0, EXDEV, ENOENT].contains($0) })
      #expect(outcomes[0] != nil)
    }
  }

  @Test func `Folders are made with those above them, through links inside`() throws {
    #expect(try folder.directory.makeDirectories(RelativePath("a/b/c")).made == 3)
    #expect(try folder.directory.makeDirectories(RelativePath("a/b/d")).made == 1)
    #expect(try folder.directory.makeDirectories(RelativePath("a/b")).made == 0)
    try folder.link("link", to: "a")
    #expect(try folder.directory.makeDirectories(RelativePath("link/e")).made == 1)
    #expect(folder.exists("a/e"))
    try folder.write("file")
    #expect(errorNumber { try folder.directory.makeDirectories(RelativePath("file/x")) } == ENOTDIR)
    try folder.link("out", to: "/tmp")
    #expect(errorNumber { try folder.directory.makeDirectories(RelativePath("out/x")) } == EXDEV)
    try folder.link("nowhere", to: "missing")
    #expect(errorNumber { try folder.directory.makeDirectories(RelativePath("nowhere/x")) } == ENOENT)
  }

  @Test func `The place behind a link is found, however many there are`() throws {
    try folder.directory.makeDirectories(RelativePath("a/b"))
    try folder.write("a/b/file", "content")
    try folder.link("one", to: "a/two")
    try folder.link("a/two", to: "../a/./b/../b/file")
    let (place, status) = try folder.directory.target(of: folder.place("one"), at: RelativePath("one"))
    #expect(place.name == "file")
    #expect(status?.size == 7)
    try folder.link("new", to: "a/b/new")
    let (free, nothing) = try folder.directory.target(of: folder.place("new"), at: RelativePath("new"))
    #expect(free.name == "new" && nothing == nil)
    #expect(try free.directory.identity() == folder.directory.openDirectory(RelativePath("a/b")).identity())
    try folder.link("absolute", to: "/etc/passwd")
    try folder.link("a/above", to: "../../x")
    try folder.link("circle", to: "./circle")
    try folder.link("dot", to: "a/..")
    func failure(_ path: String) -> Int32? {
      errorNumber { try folder.directory.target(of: folder.place(path), at: RelativePath(path)) }
    }
    #expect(failure("absolute") == EXDEV)
    #expect(failure("a/above") == EXDEV)
    #expect(failure("circle") == ELOOP)
    #expect(failure("dot") == EISDIR)
  }

  @Test func `A rename refuses, replaces or exchanges`() throws {
    try folder.write("one", "1")
    try folder.write("two", "2")
    let directory = folder.directory
    let two = Place(directory: directory, name: "two")
    #expect(errorNumber { try directory.rename("one", to: two) } == EEXIST)
    try directory.rename("one", to: two, .exchange)
    #expect(try folder.read("one") == "2" && folder.read("two") == "1")
    try directory.rename("one", to: two, .replace)
    #expect(try folder.read("two") == "2" && !folder.exists("one"))
    try directory.rename("two", to: Place(directory: directory, name: "three"))
    #expect(try folder.names() == ["three"])
  }

  @Test func `Names of any bytes are listed and used`() throws {
    let name = try #require(FileName([0x66, 0xFF, 0xFE, 0x0A, 0x22]))
    _ = try folder.directory.open(name, [.write, .create])
    let entries = try folder.directory.entries()
    #expect(entries.map(\.name) == [name])
    #expect(entries.first?.kind == .file)
    #expect(try folder.directory.status(of: name).size == 0)
    try folder.directory.removeFile(name)
    #expect(try folder.names().isEmpty)
  }

  @Test func `A large folder is listed whole`() throws {
    for index in 0..<3_000 { try folder.directory.makeLink(FileName("entry-\(index)") ?? "x", to: [0x61]) }
    #expect(Set(try folder.names()).count == 3_000)
  }

  @Test func `A pipe is opened without waiting for its other end`() throws {
    #expect(mkfifo(folder.path + "/pipe", 0o600) == 0)
    let pipe = try folder.directory.open(RelativePath("pipe"), [.read, .nonBlocking])
    #expect(try pipe.status().kind == .other)
  }

  @Test func `A missing system call is told in words`() {
    #expect(SystemError(errno: ENOSYS, operation: "openat2").reason.contains("Linux 5.6"))
    #expect(
      SystemError(errno: ENOENT, operation: "openat2", path: "a").description
        == "openat2 a: No such file or directory")
  }
}

/// Runs `body` on a thread of its own while `meanwhile` runs here, and waits for its end.
func withThread(_ body: @escaping @Sendable () -> Void, while meanwhile: () throws -> Void) throws {
  let done = Semaphore()
  startDetached("test") {
    body()
    done.signal()
  }
  defer { done.wait() }
  try meanwhile()
}

/// A semaphore of the C library.
final class Semaphore: @unchecked Sendable {
  // The system's own semaphore may be used by many threads; its memory is freed when nobody holds the object.
  private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

  init() { sem_init(semaphore, 0, 0) }
  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }
  func signal() { sem_post(semaphore) }
  func wait() { while sem_wait(semaphore) != 0 {} }
}
