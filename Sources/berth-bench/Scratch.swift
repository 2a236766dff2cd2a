import BerthProtocol
import Glibc
import Platform
import Synchronization

/// The folder in which everything is made, and the processes that work there. Nothing of both is left.
final class Scratch: Sendable {
  let path: String

  private struct State {
    var processes: [Int32] = []
    var homes: [Home] = []
    var folders = 0
  }

  private let state = Mutex(State())

  /// - Parameter folder: Where to make it; nil for the temporary folder.
  init(in folder: String?) throws {
    let parent = folder ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/berth-bench.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", path: parent) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// A path inside that nothing has yet.
  func newPath(_ name: String) -> String {
    let number = state.withLock { state in
      state.folders += 1
      return state.folders
    }
    return "\(path)/\(number)-\(name)"
  }

  /// A path for a home. A server that is left running there is ended by `remove`.
  func newHome() -> Home {
    let home = Home(newPath("home"))
    state.withLock { $0.homes.append(home) }
    return home
  }

  /// Starts a program that is ended by `remove` where it still runs.
  func start(
    _ program: String, _ arguments: [String], environment: [String]? = nil, input: OwnedDescriptor? = nil,
    output: OwnedDescriptor? = nil
  ) throws -> ChildProcess {
    let null = try OwnedDescriptor.null()
    let process = try ChildProcess(
      program, arguments, environment: environment, input: input ?? null, output: output ?? null, error: null)
    state.withLock { $0.processes.append(process.processID) }
    return process
  }

  /// Waits for the end of a program. - Returns: Its exit code; see `ChildProcess.wait`.
  @discardableResult
  func wait(for process: ChildProcess) -> Int32 {
    let code = process.wait()
    state.withLock { $0.processes.removeAll { $0 == process.processID } }
    return code
  }

  /// Runs a program to its end.
  func run(_ program: String, _ arguments: [String]) throws {
    let code = wait(for: try start(program, arguments))
    guard code == 0 else {
      throw BenchmarkFailure("\(program) \(arguments.joined(separator: " ")) ended with \(code)")
    }
  }

  /// Writes a file of that size and removes it, until that does not become faster any more: on a virtual machine, memory
  /// that nobody has used for a while is slow to be had, and whoever is measured first would pay for it.
  func warmPageCache(bytes count: Int) throws {
    var last = Int64.max
    for _ in 0..<8 {
      let began = Timestamp.monotonicNanoseconds()
      try writeAndRemove(bytes: count)
      let took = Timestamp.monotonicNanoseconds() - began
      if took > last / 4 * 3 { return }
      last = took
    }
  }

  private func writeAndRemove(bytes count: Int) throws {
    let path = newPath("warm")
    defer { unlink(path) }
    let file = try OwnedDescriptor.appending(to: path)
    let block = [UInt64](repeating: 1, count: 8 << 10)
    for _ in 0..<count / (64 << 10) {
      try block.withUnsafeBufferPointer { (bytes) throws(SystemError) in try file.write(UnsafeRawBufferPointer(bytes)) }
    }
  }

  /// Ends every process and removes the folder.
  func remove() {
    state.withLock { state in
      for process in state.processes {
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
      }
      for process in state.homes.compactMap(Self.server) { kill(process, SIGKILL) }
      state = State()
    }
    endProcesses(using: path)
    Self.removeFolder(path)
  }

  /// Kills whatever works in a folder of this one, or has it in its command line, until there is nothing left.
  func endProcesses(using folder: String) {
    for _ in 0..<100 {
      let processes = ProcessTable.using(folder)
      if processes.isEmpty { return }
      for process in processes { kill(process, SIGKILL) }
      usleep(10_000)
    }
  }

  /// The process that serves a home; nil where none does.
  private static func server(of home: Home) -> Int32? {
    guard let record = ServerRecord(home: home), let process = Int32(exactly: record.pid), process > 1 else {
      return nil
    }
    // Without the lock the record is that of a server that has gone.
    do { return try LockFile.acquire(home.lock) == nil ? process : nil } catch { return nil }
  }

  /// Removes a folder with all that it holds.
  static func removeFolder(_ path: String) {
    guard let slash = path.lastIndex(of: "/"), let parent = try? Directory(path: String(path[..<slash])),
      let name = FileName(String(path[path.index(after: slash)...]))
    else { return }
    try? parent.removeTree(name)
  }
}
