import Glibc
import Platform
import Testing

struct ReplacedFilesTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// How many descriptors of this process lead to files that were in the folder.
  private func held() throws -> Int {
    try Directory(path: "/proc/self/fd").entries().count { entry in
      var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
      let count = readlink("/proc/self/fd/" + entry.name.string, &bytes, bytes.count - 1)
      let path = String(decoding: bytes.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
      return path.hasPrefix(folder.path + "/") && path.hasSuffix(" (deleted)")
    }
  }

  private func replace(_ files: ReplacedFiles, _ number: Int) throws {
    try folder.write("new", "content \(number)")
    let device = try folder.directory.identity().device
    try files.replacing("file", in: folder.directory, on: device) { () throws(SystemError) in
      try folder.directory.rename("new", to: Place(directory: folder.directory, name: "file"), .replace)
    }
  }

  /// Awaits that no file waits, and no thread does.
  private func rest(_ files: ReplacedFiles) async throws {
    let deadline = Timestamp.monotonicNanoseconds() + 20_000_000_000
    while files.counts != (0, 0) {
      try #require(Timestamp.monotonicNanoseconds() < deadline, "\(files.counts)")
      try await Task.sleep(for: .milliseconds(1))
    }
  }

  @Test func `Files that were replaced are let go of, and the threads end`() async throws {
    let files = ReplacedFiles(patienceNanoseconds: 50_000_000)
    try folder.write("file", "content")
    for number in 0..<1000 { try replace(files, number) }
    #expect(try folder.read("file") == "content 999")
    try await rest(files)
    #expect(try held() == 0)
    // And there are threads again when there are files again.
    try replace(files, 1000)
    try await rest(files)
    #expect(try held() == 0)
  }

  @Test func `Too many do not wait`() throws {
    let files = ReplacedFiles(maximumThreads: 0)
    try folder.write("file", "content")
    for number in 0..<ReplacedFiles.maximumFiles + 10 { try replace(files, number) }
    #expect(files.counts.files == ReplacedFiles.maximumFiles)
    #expect(try held() == ReplacedFiles.maximumFiles)
  }

  @Test func `A replacement that fails is told, and leaves nothing held`() async throws {
    let files = ReplacedFiles(patienceNanoseconds: 0)
    try folder.write("file", "content")
    #expect(throws: SystemError.self) {
      try files.replacing("file", in: folder.directory, on: 1) { () throws(SystemError) in
        try folder.directory.rename("none", to: Place(directory: folder.directory, name: "file"), .replace)
      }
    }
    try await rest(files)
    #expect(try folder.read("file") == "content")
  }
}
