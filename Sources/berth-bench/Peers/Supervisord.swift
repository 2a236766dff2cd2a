import Glibc
import Platform

/// supervisord on a configuration of its own, with programs that do the same as apps.
final class Supervisord {
  static let name = "supervisord"

  /// Nil where it is not on this machine.
  static func find() -> String? { Program.find(name) }

  struct Entry {
    let name: String
    /// Runs without a shell.
    let command: String
    /// Further settings, a line each.
    var settings: [String] = []
  }

  /// Programs that sleep.
  static func sleepers(_ count: Int) -> [Entry] {
    (0..<count).map { Entry(name: "app\($0)", command: "sleep 100000") }
  }

  let folder: String
  private(set) var process: ChildProcess
  private let program: String
  private let scratch: Scratch

  /// Starts it. It starts its programs by itself, unless they are told otherwise.
  init(_ program: String, _ entries: [Entry], scratch: Scratch) throws {
    (self.program, self.scratch) = (program, scratch)
    folder = scratch.newPath("supervisord")
    try Home.createPrivateFolder(folder)
    try SmallFile.replace(folder + "/conf", with: Array(Self.configuration(entries, in: folder).utf8))
    process = try scratch.start(program, ["-c", folder + "/conf"])
  }

  /// What it has by default, but for where its files are.
  private static func configuration(_ entries: [Entry], in folder: String) -> String {
    let own = """
      [supervisord]
      nodaemon=true
      logfile=\(folder)/log
      pidfile=\(folder)/pid
      childlogdir=\(folder)
      [unix_http_server]
      file=\(folder)/socket
      [rpcinterface:supervisor]
      supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

      """
    return entries.reduce(into: own) { text, entry in
      text += "[program:\(entry.name)]\ncommand=\(entry.command)\ndirectory=\(folder)\nstartsecs=0\n"
      for setting in entry.settings { text += setting + "\n" }
    }
  }

  /// Waits until it takes calls.
  func connect() throws -> SupervisordConnection {
    while true {
      if let socket = try? UnixSocket.connect(folder + "/socket") { return SupervisordConnection(socket) }
      if let code = process.endedWith { throw BenchmarkFailure("supervisord ended with \(code)") }
      process.waitBriefly()
    }
  }

  /// Waits until so many programs are running. - Returns: How long that took since `began`, in nanoseconds.
  func waitUntilRunning(_ count: Int, since began: Int64) throws -> Double {
    let connection = try connect()
    while true {
      let running = try connection.allProcessInfo().split(separator: "<string>RUNNING<").count - 1
      if running == count { return Double(Timestamp.monotonicNanoseconds() - began) }
      process.waitBriefly()
    }
  }

  /// Ends it without a word, and starts it again.
  func killAndRestart() throws {
    process.send(SIGKILL)
    scratch.wait(for: process)
    unlink(folder + "/socket")
    process = try scratch.start(program, ["-c", folder + "/conf"])
  }

  /// Ends it and whatever it has started.
  func stop() {
    process.send(SIGKILL)
    scratch.wait(for: process)
    scratch.endProcesses(using: folder)
    Scratch.removeFolder(folder)
  }
}
