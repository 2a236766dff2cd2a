import Glibc
import Platform

/// As many hosts as there are loopback addresses to reach them at: SSH servers of this machine's own, which know one key,
/// in a folder of their own.
final class SSHHosts {
  static let count = 32
  /// The programs that it takes, where they are here.
  struct Programs {
    let server: String
    let client: String
    let keygen: String

    static func find() -> Programs? {
      guard let client = Program.find("ssh"), let keygen = Program.find("ssh-keygen"),
        let server = Program.find("sshd") ?? ["/usr/sbin/sshd", "/sbin/sshd"].first(where: Program.isThere)
      else { return nil }
      return Programs(server: server, client: client, keygen: keygen)
    }
  }

  let folder: String
  let port: Int
  let addresses = (1...count).map { "127.0.0.\($0)" }
  /// What logs in, and as whom.
  var key: String { folder + "/key" }
  let user: String
  /// What OpenSSH's client must be told.
  var clientConfiguration: String { folder + "/ssh_config" }

  private let programs: Programs
  private let scratch: Scratch
  private var servers: [ChildProcess] = []

  /// One server listens at 16 addresses at most.
  private static let addressesPerServer = 16

  init(_ programs: Programs, scratch: Scratch) throws {
    (self.programs, self.scratch) = (programs, scratch)
    folder = scratch.newPath("hosts")
    port = try Self.freePort()
    guard let account = getpwuid(geteuid()) else { throw SystemError("getpwuid", path: nil) }
    user = String(cString: account.pointee.pw_name)
    // sshd gives up privileges there; it is made where sshd was never started by the system.
    if geteuid() == 0 { mkdir("/run/sshd", 0o755) }
    try Home.createPrivateFolder(folder)
    try Home.createPrivateFolder(folder + "/home")
    for name in ["host", "key"] {
      try scratch.run(programs.keygen, ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", "\(folder)/\(name)"])
    }
    let host = String(decoding: try SmallFile.read(folder + "/host.pub") ?? [], as: UTF8.self)
    try write("known_hosts", addresses.map { "[\($0)]:\(port) \(host)" }.joined())
    try write("ssh_config", clientText)
    for (index, start) in stride(from: 0, to: Self.count, by: Self.addressesPerServer).enumerated() {
      let addresses = addresses[start..<min(start + Self.addressesPerServer, Self.count)]
      try write("sshd_config\(index)", serverText(addresses))
      servers.append(try scratch.start(programs.server, ["-D", "-f", "\(folder)/sshd_config\(index)"]))
    }
    for address in addresses { try waitUntilListening(address) }
  }

  /// Ends the servers and what was started through them.
  func stop() {
    for server in servers {
      server.send(SIGKILL)
      scratch.wait(for: server)
    }
    scratch.endProcesses(using: folder)
    Scratch.removeFolder(folder)
  }

  // MARK: Client

  /// Runs a command at every host, with a client each, side by side. - Returns: How long it took, in nanoseconds.
  func runEverywhere(_ command: String) throws -> Double {
    let began = Timestamp.monotonicNanoseconds()
    let clients = try addresses.map { try scratch.start(programs.client, arguments($0, command)) }
    let codes = clients.map { scratch.wait(for: $0) }
    guard codes.allSatisfy({ $0 == 0 }) else { throw BenchmarkFailure("ssh ended with \(codes.max() ?? 0)") }
    return Double(Timestamp.monotonicNanoseconds() - began)
  }

  /// Runs a command at the first host. - Returns: How many bytes it wrote, and how long it took, in nanoseconds.
  func run(_ command: String) throws -> (bytes: Int, nanoseconds: Double) {
    let began = Timestamp.monotonicNanoseconds()
    let (client, output) = try start(command)
    var buffer = [UInt8](repeating: 0, count: 256 << 10)
    var bytes = 0
    while true {
      let count = try buffer.withUnsafeMutableBytes { (buffer) throws(SystemError) in try output.read(into: buffer) }
      if count == 0 { break }
      bytes += count
    }
    guard scratch.wait(for: client) == 0 else { throw BenchmarkFailure("ssh failed to run \(command)") }
    return (bytes, Double(Timestamp.monotonicNanoseconds() - began))
  }

  private func start(_ command: String) throws -> (ChildProcess, OwnedDescriptor) {
    // The client's end is closed here when this returns, so that reading ends with the client.
    let (output, end) = try OwnedDescriptor.pipe()
    return (try scratch.start(programs.client, arguments(addresses[0], command), output: end), output)
  }

  private func arguments(_ address: String, _ command: String) -> [String] {
    ["-F", clientConfiguration, address, command]
  }

  // MARK: Configuration

  private func write(_ name: String, _ text: String) throws {
    try SmallFile.replace("\(folder)/\(name)", with: Array(text.utf8))
  }

  /// The sessions' home folder is an empty one, so that this user's shell has nothing to read at its start.
  private func serverText(_ addresses: ArraySlice<String>) -> String {
    addresses.map { "ListenAddress \($0)\n" }.joined() + """
      Port \(port)
      HostKey \(folder)/host
      AuthorizedKeysFile \(folder)/key.pub
      PermitRootLogin prohibit-password
      PasswordAuthentication no
      KbdInteractiveAuthentication no
      StrictModes no
      UsePAM no
      PidFile none
      MaxStartups 200
      MaxSessions 100
      SetEnv HOME=\(folder)/home

      """
  }

  private var clientText: String {
    """
    Port \(port)
    User \(user)
    IdentityFile \(key)
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile \(folder)/known_hosts
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    BatchMode yes
    LogLevel ERROR

    """
  }

  // MARK: Ports

  /// A port that nobody has at any address.
  private static func freePort() throws -> Int {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { throw SystemError("socket", path: nil) }
    defer { close(number) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, length) == 0 ? getsockname(number, $0, &length) : -1
      }
    }
    guard result == 0 else { throw SystemError("bind", path: nil) }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  private func waitUntilListening(_ address: String) throws {
    let deadline = Timestamp.monotonicNanoseconds() + 20_000_000_000
    while !Self.listens(address, port) {
      guard Timestamp.monotonicNanoseconds() < deadline else {
        throw BenchmarkFailure("\(programs.server) does not listen at \(address)")
      }
      usleep(5000)
    }
  }

  private static func listens(_ text: String, _ port: Int) -> Bool {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { return false }
    defer { close(number) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    inet_pton(AF_INET, text, &address.sin_addr)
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}
