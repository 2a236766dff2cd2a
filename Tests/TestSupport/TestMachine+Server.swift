import Glibc
import Platform

extension TestMachine {
  /// Kills what serves the connections that there are. Their clients see them end in the middle; what was started through
  /// them goes on where it can do without.
  package func cutLines() {
    signal(sessions, SIGKILL)
  }

  /// Stops what serves the connections, and with `listener` what would take new ones: nothing is answered, nothing ends.
  package func freeze(listener: Bool = false) {
    signal(sessions + (listener ? listeners : []), SIGSTOP)
  }

  /// Lets everything go on that was stopped.
  package func thaw() {
    signal(sessions + listeners, SIGCONT)
  }

  /// Gives the server other host keys of the same types. Connections that there are stay.
  package func replaceHostKey() throws {
    try shell(
      """
      for key in /etc/ssh/ssh_host_*_key; do
        type=${key#/etc/ssh/ssh_host_}
        rm -f "$key" "$key.pub"
        ssh-keygen -q -N '' -t "${type%_key}" -f "$key"
      done
      """)
    try restartServer()
  }

  /// Starts the server once more, with what then stands in `/etc/ssh/sshd_config`. Connections that there are stay.
  package func restartServer() throws {
    stopServer()
    try shell(Self.startServer)
    try waitUntilListening()
  }

  /// Takes no new connections any more.
  package func stopServer() {
    signal(listeners, SIGKILL)
    _ = waits(seconds: 20) { listeners.isEmpty }
  }

  /// Ends every process, as switching off would, and starts the server again. What is on the disk stays.
  package func restart() throws {
    let last = listeners
    // The one that asks may end, too.
    _ = try run("kill -HUP 1")
    _ = waits(seconds: 20) { Set(listeners).isDisjoint(with: last) }
    try waitUntilListening()
  }

  /// A public host key, as a line of `known_hosts` has it behind the name: `ssh-ed25519 AAAA…`.
  package func hostKey(_ type: HostKeyType = .ed25519) throws -> String {
    try shell("cut -d ' ' -f 1,2 /etc/ssh/ssh_host_\(type.rawValue)_key.pub").trimmingNewlines
  }

  /// The fingerprint of a host key: `SHA256:…`.
  package func fingerprint(_ type: HostKeyType = .ed25519) throws -> String {
    try shell("ssh-keygen -lf /etc/ssh/ssh_host_\(type.rawValue)_key.pub | cut -d ' ' -f 2").trimmingNewlines
  }

  /// Returns when the server takes connections at all of its addresses.
  func waitUntilListening() throws {
    var waiting = addresses[...]
    let listens = try waits(seconds: 60) {
      if let code = namespaces.endedWith {
        throw StartFailure(description: "the machine ended with \(code): \(log)")
      }
      while let address = waiting.first, isGreeted(address: address, port: port) { waiting.removeFirst() }
      return waiting.isEmpty
    }
    guard listens else { throw StartFailure(description: "the machine's server does not listen: \(log)") }
  }

  /// The processes that serve connections, by the numbers that they have outside.
  package var sessions: [Int32] { servers.filter { !$0.isListener }.map(\.process) }

  private var listeners: [Int32] { servers.filter(\.isListener).map(\.process) }

  private var servers: [(process: Int32, isListener: Bool)] {
    namespaces.processes.compactMap { process in
      let bytes = (try? SmallFile.read("/proc/\(process)/cmdline")) ?? []
      let command = String(decoding: bytes, as: UTF8.self)
      // `sshd: NAME [priv]`, and `sshd: /usr/sbin/sshd -D [listener] …`; newer ones have `sshd-session: NAME …`.
      guard command.hasPrefix("sshd") || command.hasPrefix("/usr/sbin/sshd") else { return nil }
      return (process, command.contains("[listener]") || command.hasPrefix("/usr/sbin/sshd"))
    }
  }

  private func signal(_ processes: [Int32], _ number: Int32) {
    for process in processes { kill(process, number) }
  }
}

/// Whether an SSH server says at an address what it is.
private func isGreeted(address: String, port: Int) -> Bool {
  var hints = addrinfo()
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
  hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
  var found: UnsafeMutablePointer<addrinfo>?
  guard getaddrinfo(address, "\(port)", &hints, &found) == 0, let info = found?.pointee else { return false }
  defer { freeaddrinfo(found) }
  let number = socket(info.ai_family, info.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
  guard number >= 0 else { return false }
  defer { close(number) }
  var limit = timeval(tv_sec: 5, tv_usec: 0)
  setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  var bytes = [UInt8](repeating: 0, count: 4)
  return connect(number, info.ai_addr, info.ai_addrlen) == 0 && recv(number, &bytes, 4, 0) == 4
    && bytes == Array("SSH-".utf8)
}

extension String {
  fileprivate var trimmingNewlines: String { String(reversed().drop { $0 == "\n" }.reversed()) }
}
