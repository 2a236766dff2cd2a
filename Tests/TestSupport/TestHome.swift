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

  /// Runs a script in the folder. - Returns: What it printed. A script that fails is the test's failure.
  @discardableResult
  package func shell(_ script: String) throws -> String {
    let (process, output, errors) = try ChildProcess.capturing(
      "/bin/bash", ["-euc", "exec 2>&1; cd '\(path)'; \(script)"])
    let text = String(decoding: try output.readAll() + errors.readAll(), as: UTF8.self)
    let code = process.wait()
    guard code == 0 else { throw ShellFailure(description: "the script ended with \(code): \(text)") }
    return text
  }

  package func read(_ path: String) throws -> String? {
    try SmallFile.read("\(self.path)/\(path)").map { String(decoding: $0, as: UTF8.self) }
  }
}

package struct ShellFailure: Error, CustomStringConvertible {
  package let description: String

  package init(description: String) {
    self.description = description
  }
}

/// What a machine has.
package enum Machine {
  /// Whether a program is on the path.
  package static func has(_ program: String) -> Bool {
    let look = try? ChildProcess(
      "/bin/sh", ["-c", "command -v \(program)"], input: .null(), output: .null(), error: .null())
    return look?.wait() == 0
  }

  /// The repository that the tests are of.
  package static let repository: String = {
    var path = #filePath[...]
    for _ in 0..<3 { path = path[..<(path.lastIndex(of: "/") ?? path.startIndex)] }
    return String(path)
  }()
}
