import Glibc
import Platform
import Synchronization
import Testing

struct StagedFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func replace(_ name: FileName, _ content: String, durably: Bool = false) throws -> FileStatus {
    let staged = try StagedFile(in: folder.directory)
    var content = content
    try content.withUTF8 { try staged.descriptor.write(UnsafeRawBufferPointer($0)) }
    let place = Place(directory: folder.directory, name: name)
    if let status = try place.status() { try staged.takeOver(from: place, status) }
    return try staged.commit(as: name, .replace, durably: durably)
  }

  @Test func `A staged file is not seen before it is complete, and gone when it is given up`() throws {
    do {
      let staged = try StagedFile(in: folder.directory)
      #expect(try folder.names().allSatisfy { $0.hasPrefix(".berth-") })
      #expect(!folder.exists("file"))
      _ = staged
    }
    #expect(try folder.names().isEmpty)
  }

  @Test func `Mode, attributes and owner of the file before are kept`() throws {
    try folder.write("file", "old")
    #expect(chmod(folder.path + "/file", 0o4751) == 0)
    let value = Array("blue".utf8)
    let hasAttributes =
      try attributeCall("setxattr", SetAttribute.self)(
        folder.path + "/file", "user.colour", value, value.count, 0) == 0
    if getuid() == 0 { #expect(chown(folder.path + "/file", 12_345, 12_346) == 0) }
    #expect(chmod(folder.path + "/file", 0o4751) == 0)
    let before = try folder.directory.status(of: "file")
    let after = try replace("file", "new", durably: true)
    #expect(try folder.read("file") == "new")
    #expect(after.permissions == 0o4751 && after.owner == before.owner && after.group == before.group)
    #expect(after == (try folder.directory.status(of: "file")))
    var buffer = [UInt8](repeating: 0, count: 16)
    let count = try attributeCall("getxattr", GetAttribute.self)(folder.path + "/file", "user.colour", &buffer, 16)
    if hasAttributes { #expect(Array(buffer[..<max(count, 0)]) == value) }
    #expect(try folder.names() == ["file"])
  }

  private typealias SetAttribute =
    @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeRawPointer, Int, Int32) -> Int32
  private typealias GetAttribute =
    @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeMutableRawPointer, Int) -> Int

  /// A function of the C library that Swift does not import.
  private func attributeCall<Function>(_ name: String, _: Function.Type) throws -> Function {
    unsafeBitCast(try #require(dlsym(nil, name)), to: Function.self)
  }

  @Test func `Every replacement has a later time of change`() throws {
    var statuses = [try replace("file", "0000")]
    for round in 1..<500 { statuses.append(try replace("file", String(1_000 + round))) }
    #expect(zip(statuses, statuses.dropFirst()).allSatisfy { $0.modified < $1.modified })
    #expect(abs((statuses.last?.modified ?? 0) - Timestamp.nanosecondsNow()) < 5_000_000_000)
  }

  @Test func `A name that is taken is refused where that is asked for`() throws {
    try folder.write("file", "old")
    let staged = try StagedFile(in: folder.directory)
    #expect(errorNumber { try staged.commit(as: "file", .refuse) } == EEXIST)
    #expect(try folder.read("file") == "old")
  }

  @Test func `A reader never sees a part`() throws {
    let size = 100_000
    _ = try replace("file", String(repeating: "a", count: size))
    let directory = folder.directory
    let stop = Atomic<Bool>(false)
    let reads = Atomic<Int>(0)
    let bad = Atomic<Int>(0)
    try withThread {
      var buffer = [UInt8](repeating: 0, count: size + 1)
      while !stop.load(ordering: .relaxed) {
        guard let file = try? directory.open("file", .read),
          let count = try? buffer.withUnsafeMutableBytes({ try file.read(into: $0, at: 0) })
        else {
          bad.add(1, ordering: .relaxed)
          continue
        }
        if count != size || buffer[..<size].contains(where: { $0 != buffer[0] }) { bad.add(1, ordering: .relaxed) }
        reads.add(1, ordering: .relaxed)
      }
    } while: {
      defer { stop.store(true, ordering: .relaxed) }
      var round = 0
      while round < 300 || reads.load(ordering: .relaxed) < 20 {
        round += 1
        let letter = String(UnicodeScalar(UInt8(97 + round % 26)))
        _ = try replace("file", String(repeating: letter, count: size))
      }
    }
    #expect(bad.load(ordering: .relaxed) == 0)
  }

  @Test func `What a killed process left is removed, what lives is not`() throws {
    // A process number that is taken by nobody: that of a child which has ended.
    let child = try deadProcess()
    let old = ".berth-write-\(child)-abc-1"
    let new = ".berth-write-\(child)-abc-2"
    let alive = ".berth-write-1-abc-1"
    let other = ".berth-snapshot-\(child)"
    for name in [old, new, alive, other] { try folder.write(name) }
    // A fresh one may be at work in another namespace.
    #expect(try folder.directory.removeStaleStagedFiles() == 0)
    #expect(try folder.directory.removeStaleStagedFiles(graceNanoseconds: 0) == 2)
    #expect(try Set(folder.names()) == [alive, other])
  }

  private func deadProcess() throws -> pid_t {
    var child = pid_t()
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
    defer { free(arguments[0]) }
    try #require(posix_spawn(&child, "/bin/true", nil, nil, &arguments, environ) == 0)
    var status: Int32 = 0
    waitpid(child, &status, 0)
    return child
  }
}
