import Glibc
import Platform
import TestSupport

@testable import Provisioning

/// A folder that stands for a machine: scripts run with its programs before the system's, and write below it.
final class ScriptMachine {
  struct Outcome {
    /// The records, a line each.
    var records: [String]
    var status: Int32
    /// What it wrote for people.
    var text: String
  }

  let folder: TemporaryFolder
  /// What scripts are given besides, `NAME=value`.
  var environment: [String] = []

  init() throws {
    folder = try TemporaryFolder()
    try folder.shell("mkdir bin state opt links home")
  }

  /// A program of the machine's, as a script; what it is called with is added to the file `calls`.
  func program(_ name: String, _ script: String) throws {
    try folder.write("bin/\(name)", "#!/bin/sh\nprintf '%s\\n' \"\(name) $*\" >>'\(folder.path)/calls'\n\(script)\n")
    chmod("\(folder.path)/bin/\(name)", 0o755)
  }

  var calls: [String] {
    get throws { (try folder.read("calls") ?? "").split(separator: "\n").map(String.init) }
  }

  /// Runs a script as a machine gets it: on the standard input of a shell.
  func run(_ script: String, shell: String = "sh", recorded: Outcome? = nil) throws -> Outcome {
    let path = folder.path
    try folder.write("script", script)
    var variables =
      [
        "PATH=\(path)/bin:/usr/bin:/bin", "HOME=\(path)/home", "BERTH_ROOT=\(path)/opt", "BERTH_LINKS=\(path)/links",
        "BERTH_STATE=\(path)/state", "BERTH_LOCK_SECONDS=0",
      ] + environment
    if let recorded {
      for (name, word) in [
        ("PACKAGES", "package"), ("PATHS", "path"), ("USERS", "user"), ("GROUPS", "group"),
      ] {
        variables.append("BERTH_\(name)=\(recorded.values(word).joined(separator: "\n"))")
      }
    }
    let process = try ChildProcess(
      "/bin/sh", ["-c", "exec >\"$0/text\" 2>&1 3>\"$0/records\" <\"$0/script\"; \(shell) -s", path],
      environment: variables, input: .null(), output: .null(), error: .null())
    let status = process.wait()
    let text = try folder.read("text") ?? ""
    let records = (try folder.read("records") ?? "").split(separator: "\n").map(String.init)
    return Outcome(records: records, status: status, text: text)
  }
}

extension ScriptMachine.Outcome {
  /// The values of the records of a word.
  func values(_ word: String) -> [String] {
    records.filter { $0.hasPrefix("\(word) ") }.map { String($0.dropFirst(word.count + 1)) }
  }
}
