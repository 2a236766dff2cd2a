package import BerthClient
import BerthProtocol
import Glibc
package import Platform

/// The real executable, serving a home of its own. It is killed when nobody holds it any more, or after a quarter of an hour.
package final class TestServer {
  package let folder: TemporaryFolder
  package let home: Home
  /// What the home is on, where it is on a disk of its own.
  package private(set) var disk: SmallDisk?
  private var process: ChildProcess?
  private let watchdog: Task<Void, Never>

  /// Starts a server in the foreground, and waits until it answers.
  ///
  /// - Parameters:
  ///   - config: The text of its `config.json`.
  ///   - diskBytes: The size of a disk for the home alone; nil for the disk that the temporary folder is on.
  package init(config: String? = nil, arguments: [String] = [], diskBytes: Int? = nil) throws {
    folder = try TemporaryFolder()
    home = Home(folder.path + "/home")
    disk = try diskBytes.map { [home] in try SmallDisk(at: home.path, bytes: $0) }
    try home.create()
    // A server that does not answer is ended, so that no test waits for ever.
    watchdog = Task.detached { [home] in
      guard (try? await Task.sleep(for: .seconds(900))) != nil, let record = ServerRecord(home: home) else { return }
      Glibc.kill(pid_t(record.pid), SIGKILL)
    }
    if let config { try folder.write("home/config.json", config) }
    try start(arguments)
  }

  deinit {
    watchdog.cancel()
    kill()
    removeGroups()
    disk = nil
  }

  /// Removes the kernel's groups of processes that a killed server has left, as far as they are empty.
  private func removeGroups() {
    let lines = String(decoding: ((try? SmallFile.read("/proc/self/cgroup")) ?? nil) ?? [], as: UTF8.self)
    guard let own = lines.split(separator: "\n").first(where: { $0.hasPrefix("0::") })?.dropFirst(3) else { return }
    for mount in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
      let folder = "\(mount)\(own)/berth-\(home.shortName)"
      guard let entries = try? Directory(path: folder).entries() else { continue }
      for entry in entries { rmdir("\(folder)/\(entry.name.string)") }
      rmdir(folder)
    }
  }

  package var pid: Int32 { process?.processID ?? 0 }

  /// Starts the server again, after it has been killed or stopped.
  package func start(_ arguments: [String] = []) throws {
    let log = try OwnedDescriptor.appending(to: folder.path + "/server.log")
    process = try ChildProcess(
      Self.berth, ["serve", "--home", home.path] + arguments, input: .null(), output: log, error: log)
    _ = try connect()
  }

  /// Ends the server as a crash would.
  package func kill() {
    process?.send(SIGKILL)
    process?.wait()
    process = nil
  }

  /// Ends the server as an operator would. - Returns: Its exit code.
  package func terminate() -> Int32 {
    process?.send(SIGTERM)
    defer { process = nil }
    return process?.wait() ?? -1
  }

  /// A new client, once the server answers.
  package func connect(answersPermissions: Bool = false) throws -> Client {
    let deadline = Timestamp.monotonicNanoseconds() + 20_000_000_000
    while true {
      do {
        return try Client(
          MessageTransport(socket: home.socket), name: "test", answersPermissions: answersPermissions)
      } catch {
        if let process, let code = process.endedWith {
          throw StartFailure(description: "the server ended with \(code): \(log)")
        }
        guard Timestamp.monotonicNanoseconds() < deadline else {
          throw StartFailure(description: "no answer in 20 s (\(error)): \(log)")
        }
        process?.waitBriefly()
      }
    }
  }

  /// What the server has logged.
  package var log: String { (try? folder.read("server.log")) ?? "" }

  /// Runs `berth` against the home. - Returns: Its exit code and what it printed.
  package func berth(_ arguments: [String]) throws -> (code: Int32, output: String, errors: String) {
    try Self.run(arguments + ["--home", home.path])
  }

  package static func run(_ arguments: [String]) throws -> (code: Int32, output: String, errors: String) {
    let (process, output, error) = try ChildProcess.capturing(berth, arguments)
    let text = String(decoding: try output.readAll(), as: UTF8.self)
    let errors = String(decoding: try error.readAll(), as: UTF8.self)
    return (process.wait(), text, errors)
  }

  /// The executable under test: beside the test bundle, or where `BERTH` says.
  package static let berth: String = {
    if let path = getenv("BERTH") { return String(cString: path) }
    let own = ChildProcess.ownProgram
    return own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/berth"
  }()
}

package struct StartFailure: Error, CustomStringConvertible {
  package let description: String
}
