internal import CPlatform
internal import Glibc

/// A program that this process starts and whose end it may wait for. For the server itself and its tools; what Berth
/// supervises is not started this way.
package struct ChildProcess: Sendable {
  package let processID: Int32

  /// Starts a program with just the three standard descriptors.
  ///
  /// - Parameters:
  ///   - program: Its path.
  ///   - environment: `NAME=value`; nil for this process's own.
  ///   - newSession: Whether it is to outlive the terminal and the group of this process.
  package init(
    _ program: String, _ arguments: [String], environment: [String]? = nil, input: OwnedDescriptor,
    output: OwnedDescriptor, error: OwnedDescriptor, newSession: Bool = false
  ) throws(SystemError) {
    var arguments: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    var given: [UnsafeMutablePointer<CChar>?] = (environment ?? []).map { strdup($0) } + [nil]
    defer { for text in arguments + given { free(text) } }
    let descriptors = try [input, output, error].map { (descriptor) throws(SystemError) in
      try descriptor.duplicateNumber()
    }
    defer { for number in descriptors { close(number) } }
    var process: pid_t = 0
    let result = given.withUnsafeMutableBufferPointer { given in
      berth_spawn(
        &process, program, &arguments, environment == nil ? environ : given.baseAddress, descriptors[0],
        descriptors[1], descriptors[2], newSession ? 1 : 0)
    }
    guard result == 0 else { throw SystemError(errno: result, operation: "posix_spawn", path: program) }
    processID = process
  }

  /// Starts a program whose output and errors are read through pipes. Read one to its end before the other only where
  /// the program writes little to the other.
  package static func capturing(
    _ program: String, _ arguments: [String], newSession: Bool = false
  ) throws(SystemError) -> (process: ChildProcess, output: OwnedDescriptor, error: OwnedDescriptor) {
    // The ends that the program writes to are closed here when this returns, so that reading ends with the program.
    let (output, error) = (try OwnedDescriptor.pipe(), try OwnedDescriptor.pipe())
    let process = try ChildProcess(
      program, arguments, input: .null(), output: output.write, error: error.write, newSession: newSession)
    return (process, output.read, error.read)
  }

  /// Waits for the end. - Returns: The exit code, or 128 and the number of the signal that ended it.
  @discardableResult
  package func wait() -> Int32 {
    var status: Int32 = 0
    while waitpid(processID, &status, 0) < 0 { if errno != EINTR { return -1 } }
    let signal = status & 0x7f
    return signal == 0 ? (status >> 8) & 0xff : 128 + signal
  }

  /// The exit code, where the program has ended; see `wait`. Nil while it runs. It can be asked for once.
  package var endedWith: Int32? {
    var status: Int32 = 0
    guard waitpid(processID, &status, WNOHANG) == processID else { return nil }
    let signal = status & 0x7f
    return signal == 0 ? (status >> 8) & 0xff : 128 + signal
  }

  /// Waits for the end, but for a few milliseconds only: for those who look for something else too.
  package func waitBriefly() {
    let descriptor = berth_pidfd_open(processID)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    poll(&request, 1, 3)
  }

  package func send(_ signal: Int32) {
    kill(processID, signal)
  }

  /// The program that this process runs.
  package static var ownProgram: String {
    var bytes = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension OwnedDescriptor {
  /// `/dev/null`.
  package static func null() throws(SystemError) -> OwnedDescriptor {
    OwnedDescriptor(adopting: try systemCall("open", "/dev/null") { open("/dev/null", O_RDWR | O_CLOEXEC) })
  }

  /// A duplicate of one of this process's standard descriptors.
  package static func standard(_ number: Int32) throws(SystemError) -> OwnedDescriptor {
    OwnedDescriptor(adopting: try systemCall("fcntl") { fcntl(number, F_DUPFD_CLOEXEC, 3) })
  }

  /// The two ends of a pipe.
  package static func pipe() throws(SystemError) -> (read: OwnedDescriptor, write: OwnedDescriptor) {
    var numbers: [Int32] = [-1, -1]
    try systemCall("pipe2") { berth_pipe(&numbers) }
    return (OwnedDescriptor(adopting: numbers[0]), OwnedDescriptor(adopting: numbers[1]))
  }

  /// Opens a file for appending, readable by the owner only.
  package static func appending(to path: String) throws(SystemError) -> OwnedDescriptor {
    OwnedDescriptor(
      adopting: try systemCall("open", path) { open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600) })
  }

  /// Everything up to the end of input.
  package func readAll() throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = try buffer.withUnsafeMutableBufferPointer { (buffer) throws(SystemError) in
        try read(into: UnsafeMutableRawBufferPointer(buffer))
      }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
  }
}
