import CPlatform
package import Platform

/// A TCP socket of this machine that listens.
package struct Listener: Sendable, Hashable {
  package let port: Int
  /// What it is bound to, such as `127.0.0.1`, `0.0.0.0` or `::`.
  package let address: String
  /// The user it belongs to.
  package let uid: UInt32
  /// The socket's number, by which the processes are found that have it open.
  package let inode: UInt64

  /// All that there are, of every user, in the network namespace of this process.
  ///
  /// It is asked of the kernel's sock_diag(7), which takes some microseconds, and where that is not to be had read from
  /// `/proc/net/tcp`, which takes milliseconds.
  package static func all() throws(SystemError) -> [Listener] {
    do throws(SystemError) {
      return try asked()
    } catch {
      return try read()
    }
  }

  static func asked() throws(SystemError) -> [Listener] {
    var capacity = 256
    while true {
      var found = [berth_listener](repeating: berth_listener(), count: capacity)
      let count = berth_list_listeners(&found, capacity)
      guard count >= 0 else { throw SystemError(errno: Int32(-count), operation: "sock_diag") }
      if count <= capacity { return found.prefix(count).map { Listener($0) } }
      // Some more may come meanwhile.
      capacity = count + 64
    }
  }

  private init(_ found: berth_listener) {
    port = Int(found.port)
    uid = found.user
    inode = found.inode
    address = withUnsafeBytes(of: found.address) {
      InternetAddress.text(of: $0.prefix(found.version == 4 ? 4 : 16))
    }
  }

  static func read() throws(SystemError) -> [Listener] {
    var listeners: [Listener] = []
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
      guard let table = try ProcFile.read(path, limitBytes: 64 << 20) else { continue }
      listeners += parse(String(decoding: table, as: UTF8.self))
    }
    return listeners
  }

  /// Reads a table as proc_pid_net(5) describes it, passing over what is no listening socket's row.
  static func parse(_ table: String) -> [Listener] {
    table.split(separator: "\n").compactMap { Listener(row: $0) }
  }

  private init?(row: Substring) {
    let fields = row.split(separator: " ")
    guard fields.count >= 10, fields[3] == "0A", let colon = fields[1].lastIndex(of: ":"),
      let port = Int(fields[1][fields[1].index(after: colon)...], radix: 16), let uid = UInt32(fields[7]),
      let inode = UInt64(fields[9])
    else { return nil }
    // The address is written in words of the machine's own byte order.
    let digits = Array(fields[1][..<colon].utf8)
    guard digits.count == 8 || digits.count == 32 else { return nil }
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: digits.count, by: 8) {
      guard let word = UInt32(String(decoding: digits[start..<start + 8], as: UTF8.self), radix: 16) else { return nil }
      withUnsafeBytes(of: word) { bytes += $0 }
    }
    self.port = port
    self.uid = uid
    self.inode = inode
    address = bytes.withUnsafeBytes { InternetAddress.text(of: $0[...]) }
  }
}
