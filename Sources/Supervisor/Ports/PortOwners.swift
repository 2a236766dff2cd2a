package import BerthProtocol
import Glibc
package import Platform

/// A socket that listens on a port, and a process that has it open.
package struct PortOwner: Sendable, Hashable {
  package let listener: Listener
  /// Nil where this user may not see it: another user's, or one in a container.
  package let process: OwningProcess?

  package struct OwningProcess: Sendable, Hashable {
    package let pid: Int32
    /// In clock ticks since the machine was started.
    package let startTime: UInt64
    /// Its arguments, without what looks like a secret.
    package let command: String
  }

  /// The same for the wire.
  package var holder: PortHolder {
    PortHolder(pid: process.map { Int($0.pid) }, command: process?.command, uid: Int(listener.uid))
  }

  /// Who it is, in words: `“node server.mjs” (pid 4711)`.
  package var description: String {
    guard let process else { return "a process of user \(listener.uid) that can't be seen from here" }
    let command = process.command.count > 80 ? process.command.prefix(80) + "…" : process.command[...]
    return "“\(command)” (pid \(process.pid))"
  }
}

/// Who listens on the TCP ports of this machine. Blocks for a while that grows with the number of processes.
package enum PortOwners {
  /// Which of the ports somebody listens on. This is cheap, whatever their number.
  package static func listening(_ ports: Set<Int>) throws(SystemError) -> Set<Int> {
    Set(try Listener.all().lazy.map(\.port).filter { ports.contains($0) })
  }

  /// Who listens on a port, the process that was started first before the others; empty where nobody does.
  package static func find(_ port: Int) throws(SystemError) -> [PortOwner] {
    try find([port])[port] ?? []
  }

  /// Who listens on each of the ports, found in one pass over the processes. Ports without a listener are left out.
  package static func find(_ ports: Set<Int>) throws(SystemError) -> [Int: [PortOwner]] {
    let listeners = try Listener.all().filter { ports.contains($0.port) }
    if listeners.isEmpty { return [:] }
    let processes = self.processes(with: Set(listeners.map(\.inode)))
    var owners: [Int: [PortOwner]] = [:]
    for listener in listeners {
      let found: [PortOwner.OwningProcess] = processes[listener.inode, default: []].sorted {
        ($0.startTime, $0.pid) < ($1.startTime, $1.pid)
      }
      owners[listener.port, default: []] +=
        found.isEmpty
        ? [PortOwner(listener: listener, process: nil)]
        : found.map { PortOwner(listener: listener, process: $0) }
    }
    return owners
  }

  /// The processes that have each of the sockets open.
  private static func processes(with inodes: Set<UInt64>) -> [UInt64: [PortOwner.OwningProcess]] {
    var found: [UInt64: [PortOwner.OwningProcess]] = [:]
    for pid in ProcFile.numbers(in: "/proc") {
      let open = sockets(of: pid).intersection(inodes)
      // It may have ended since; then it holds nothing any more.
      guard !open.isEmpty, let entry = ProcessEntry(pid) else { continue }
      let process = PortOwner.OwningProcess(
        pid: pid, startTime: entry.startTime, command: ProcessCommand.line(of: pid) ?? entry.name)
      for inode in open { found[inode, default: []].append(process) }
    }
    return found
  }

  /// The sockets that a process has open, by their numbers; none where it is gone or another user's.
  private static func sockets(of pid: Int32) -> Set<UInt64> {
    let folder = "/proc/\(pid)/fd"
    var sockets: Set<UInt64> = []
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { target in
      for descriptor in ProcFile.numbers(in: folder) {
        guard let start = target.baseAddress else { return }
        let count = readlink("\(folder)/\(descriptor)", start, target.count)
        guard count > 9 else { continue }
        let text = UnsafeRawBufferPointer(target)[..<count]
        // `socket:[4711]`
        guard text.starts(with: "socket:[".utf8) else { continue }
        if let inode = UInt64(String(decoding: text.dropFirst(8).dropLast(), as: UTF8.self)) { sockets.insert(inode) }
      }
    }
    return sockets
  }
}
