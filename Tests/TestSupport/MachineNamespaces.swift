import Glibc
import Platform
import Synchronization

/// Namespaces for mounts, processes, a host name and shared memory, and the process that holds them. All that is in
/// there ends with the object, and with this process.
final class MachineNamespaces: Sendable {
  private let holder: ChildProcess
  private let state: Mutex<State>

  private struct State: ~Copyable {
    /// The first process inside ends when this end of its standard input is closed, as it also is when this process
    /// dies. The signal that a process may have sent at its parent's death won't do: it comes when a thread ends.
    var lifeline: OwnedDescriptor?
    var hasEnded = false
  }

  /// - Parameter boot: A script that becomes the first process inside. It must end when its standard input does.
  init(boot: String, log: String, _ arguments: [String]) throws {
    let (end, lifeline) = try OwnedDescriptor.pipe()
    let log = try OwnedDescriptor.appending(to: log)
    state = Mutex(State(lifeline: lifeline))
    holder = try ChildProcess(
      "/usr/bin/env",
      [
        "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "unshare", "--mount", "--pid", "--uts", "--ipc", "--fork",
        "--kill-child", "/bin/sh", "-euc", boot, "sh",
      ] + arguments, input: end, output: log, error: log, newSession: true)
  }

  deinit {
    state.withLock { $0.lifeline = nil }
    if waits(seconds: 20, { endedWith != nil }) { return }
    // What can't be ended so is ended with the holder (`--kill-child`).
    holder.kill()
  }

  /// The exit code of the holder, where everything has ended.
  var endedWith: Int32? {
    state.withLock { state in
      if state.hasEnded { return 0 }
      let code = holder.endedWith
      state.hasEnded = code != nil
      return code
    }
  }

  /// Starts a program inside.
  func enter(
    _ command: [String], input: OwnedDescriptor, output: OwnedDescriptor, error: OwnedDescriptor
  ) throws -> ChildProcess {
    try ChildProcess(
      "/usr/bin/env",
      [
        "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
        "nsenter", "--target", "\(holder.processID)", "--mount", "--uts", "--ipc", "--pid=\(pidNamespace)", "--root",
        "--wd=/proc/\(holder.processID)/root/root",
      ] + command, input: input, output: output, error: error)
  }

  /// What leads to the namespace of those inside; the holder itself is not in it.
  private var pidNamespace: String { "/proc/\(holder.processID)/ns/pid_for_children" }

  /// The processes inside, by the numbers that they have outside.
  var processes: [Int32] {
    guard let own = Self.link(pidNamespace), let entries = try? Directory(path: "/proc").entries() else { return [] }
    return entries.compactMap { Int32($0.name.string) }.filter { Self.link("/proc/\($0)/ns/pid") == own }
  }

  private static func link(_ path: String) -> String? {
    var bytes = [CChar](repeating: 0, count: 64)
    let count = readlink(path, &bytes, bytes.count)
    return count < 0 ? nil : String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension ChildProcess {
  /// Ends it without a word, and waits for that.
  func kill() {
    send(SIGKILL)
    wait()
  }
}

extension OwnedDescriptor {
  static func reading(_ path: String) throws -> OwnedDescriptor {
    let number = open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { throw SystemError("open", path: path) }
    return OwnedDescriptor(adopting: number)
  }
}
