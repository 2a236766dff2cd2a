import Glibc
import Platform
import Testing

/// A real folder for one test, removed with the object.
final class TemporaryFolder: Sendable {
  let path: String
  let directory: Directory

  init() throws {
    var template = Array("/tmp/berth-platform-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
    }
    path = try #require(made)
    directory = try Directory(path: path)
  }

  deinit {
    guard let name = FileName(String(path.dropFirst("/tmp/".count))) else { return }
    try? Directory(path: "/tmp").removeTree(name)
  }

  func write(_ name: String, _ content: String = "") throws {
    let file = try directory.open(RelativePath(name), [.write, .create, .truncate])
    var content = content
    try content.withUTF8 { try file.write(UnsafeRawBufferPointer($0)) }
  }

  func read(_ name: String) throws -> String {
    let file = try directory.open(RelativePath(name), .read)
    var bytes = [UInt8](repeating: 0, count: Int(try file.status().size))
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  func link(_ name: String, to target: String) throws {
    let place = try directory.place(of: RelativePath(name))
    try place.directory.makeLink(place.name, to: Array(target.utf8))
  }

  func exists(_ name: String) -> Bool { (try? directory.status(of: RelativePath(name))) != nil }

  func names(in folder: String = ".") throws -> [String] {
    try directory.listing(RelativePath(folder)).entries.map(\.name.string).sorted()
  }

  func place(_ name: String) throws -> Place { try directory.place(of: RelativePath(name)) }
}

/// The error number that a call fails with.
func errorNumber<Result>(_ body: () throws -> Result) -> Int32? {
  do {
    _ = try body()
    return nil
  } catch {
    return (error as? SystemError)?.errno
  }
}
