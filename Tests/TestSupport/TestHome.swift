import Glibc
import Platform

/// A folder for one test, removed when nobody holds it any more.
package final class TemporaryFolder: Sendable {
  package let path: String

  package init() throws {
    var template = Array("/tmp/berth-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    let removal = try? ChildProcess(
      "/bin/rm", ["-rf", path], input: .null(), output: .null(), error: .null())
    removal?.wait()
  }

  /// Writes a file, and the folders on its way.
  package func write(_ path: String, _ text: String) throws {
    let full = "\(self.path)/\(path)"
    var folder = ""
    for part in full.split(separator: "/").dropLast() {
      folder += "/\(part)"
      mkdir(folder, 0o755)
    }
    let number = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard number >= 0 else { throw SystemError("open", path: full) }
    let descriptor = OwnedDescriptor(adopting: number)
    try Array(text.utf8).withUnsafeBytes { try descriptor.write($0) }
  }

  package func read(_ path: String) throws -> String? {
    try SmallFile.read("\(self.path)/\(path)").map { String(decoding: $0, as: UTF8.self) }
  }
}
