import Glibc
import Platform
import Synchronization
import Testing

struct TreeTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func makeTree(_ top: String) throws {
    try folder.directory.makeDirectories(RelativePath("\(top)/a/b"))
    try folder.write("\(top)/a/one", "1")
    try folder.write("\(top)/a/b/two", "22")
    try folder.write("\(top)/three", "333")
    try folder.link("\(top)/link", to: "a/one")
    try folder.link("\(top)/outside", to: "/etc")
  }

  @Test func `A tree is removed and counted, and what its links lead to is let be`() throws {
    try makeTree("top")
    try folder.write("kept", "kept")
    try folder.link("top/kept", to: "../kept")
    #expect(try folder.directory.removeTree("top", checkpoint: {}) == 9)
    #expect(try folder.names() == ["kept"])
    #expect(errorNumber { try folder.directory.removeTree("top", checkpoint: {}) } == ENOENT)
    #expect(access("/etc/passwd", F_OK) == 0)
  }

  @Test func `A tree deeper than the descriptors of a process is removed`() throws {
    var directory = folder.directory
    try directory.makeDirectory("top")
    directory = try directory.openDirectory(RelativePath("top"))
    for _ in 0..<1_500 {
      try directory.makeDirectory("folder")
      _ = try directory.open("file", [.write, .create])
      directory = try directory.openDirectory(RelativePath("folder"))
    }
    #expect(try folder.directory.removeTree("top", checkpoint: {}) == 3_001)
    #expect(try folder.names().isEmpty)
  }

  @Test func `Folders that are closed to their owner are removed`() throws {
    try makeTree("top")
    #expect(chmod(folder.path + "/top/a/b", 0o500) == 0)
    #expect(chmod(folder.path + "/top/a", 0) == 0)
    try folder.directory.removeTree("top")
    #expect(try folder.names().isEmpty)
  }

  @Test func `A removal that is given up ends`() throws {
    struct GivenUp: Error {}
    try makeTree("top")
    var steps = 0
    #expect(throws: GivenUp.self) {
      try folder.directory.removeTree("top") {
        steps += 1
        if steps > 3 { throw GivenUp() }
      }
    }
    #expect(folder.exists("top"))
  }

  @Test func `No link that is put in a folder's place during a removal is followed`() throws {
    try folder.directory.makeDirectories(RelativePath("outside/deep"))
    for index in 0..<50 { try folder.write("outside/deep/\(index)", "kept") }
    let stop = Atomic<Bool>(false)
    let directory = folder.directory
    try withThread {
      while !stop.load(ordering: .relaxed) {
        guard let top = try? directory.openDirectory(RelativePath("top")) else { continue }
        try? top.makeLink("next", to: Array("../outside".utf8))
        try? top.rename("next", to: Place(directory: top, name: "folder"), .exchange)
        try? top.rename("next", to: Place(directory: top, name: "folder"), .exchange)
      }
    } while: {
      defer { stop.store(true, ordering: .relaxed) }
      for _ in 0..<300 {
        // The other thread goes on adding to the tree and taking away, which may make any of these fail.
        _ = try? directory.makeDirectories(RelativePath("top/folder/deep"))
        try? folder.write("top/folder/deep/file")
        _ = try? directory.removeTree("top", checkpoint: {})
      }
    }
    try directory.removeTree("top")
    #expect(try folder.names(in: "outside/deep").filter { $0 != "file" }.count == 50)
  }

  @Test func `A tree is copied with its links, modes and times`() throws {
    try makeTree("top")
    #expect(chmod(folder.path + "/top/a/one", 0o4755) == 0)
    #expect(chmod(folder.path + "/top/a", 0o750) == 0)
    try folder.write("top/.berth-staged", "not copied")
    var copy = TreeCopy()
    try copy.copy(folder.place("top"), to: folder.place("copy"))
    #expect(copy.entries == 8 && copy.bytes == 6)
    #expect(try folder.read("copy/a/b/two") == "22")
    #expect(try folder.directory.readLink("copy/link") == Array("a/one".utf8))
    #expect(try folder.directory.status(of: RelativePath("copy/a/one")).permissions == 0o755)
    #expect(try folder.directory.status(of: RelativePath("copy/a")).permissions == 0o750)
    for path in ["a", "a/one", "three", "."] {
      let original = try folder.directory.status(of: RelativePath("top/\(path)")).modified
      #expect(try folder.directory.status(of: RelativePath("copy/\(path)")).modified == original)
    }
    #expect(!folder.exists("copy/.berth-staged"))
  }

  @Test func `A large file is copied byte for byte`() throws {
    var content = ""
    for index in 0..<200_000 { content += "\(index) " }
    try folder.write("file", content)
    var copy = TreeCopy()
    try copy.copy(folder.place("file"), to: folder.place("copy"))
    #expect(try folder.read("copy") == content)
    #expect(errorNumber { try copy.copy(folder.place("file"), to: folder.place("copy")) } == EEXIST)
  }

  @Test func `Files without a size of their own are copied too`() throws {
    let process = try Directory(path: "/proc/self")
    var copy = TreeCopy()
    try copy.copy(Place(directory: process, name: "status"), to: folder.place("status"))
    #expect(try folder.read("status").contains("Threads:"))
  }

  @Test func `A pipe in a tree is named`() throws {
    try makeTree("top")
    #expect(mkfifo(folder.path + "/top/a/pipe", 0o600) == 0)
    var copy = TreeCopy()
    let error = #expect(throws: TreeCopy.NotCopied.self) {
      try copy.copy(folder.place("top"), to: folder.place("copy"))
    }
    #expect(error?.path.string == "a/pipe")
  }
}

extension Directory {
  fileprivate func readLink(_ path: String) throws -> [UInt8] {
    let place = try place(of: RelativePath(path))
    return try place.directory.readLink(place.name)
  }
}
