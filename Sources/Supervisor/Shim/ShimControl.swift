internal import Platform
internal import Synchronization

/// Questions and commands to one shim. Each call blocks until the answer is there, which takes microseconds; calls of
/// several threads come after one another.
///
/// A connection that breaks is made anew by the next call: an instance is good for as long as the shim lives. All calls
/// throw `gone` where it does not, and `timeout` where no answer has come in time.
package final class ShimControl: Sendable {
  package let folder: String
  private let timeoutNanoseconds: Int64
  private let connection = Mutex<ShimConnection?>(nil)

  /// - Parameter folder: The shim's folder: an absolute path of any length.
  package init(folder: String, timeoutSeconds: Double = 10) {
    self.folder = folder
    timeoutNanoseconds = Int64(timeoutSeconds * 1_000_000_000)
  }

  /// Whose shim this is.
  package struct Greeting: Sendable, Hashable {
    package let shim: Int32
    package let id: String
  }

  package func hello() throws(ShimError) -> Greeting {
    let answer = try request("hello")
    let words = answer.split(separator: " ", maxSplits: 3)
    guard words.count == 4, words[0] == "hello", words[1] == "1", let shim = Int32(words[2]) else {
      throw ShimError(.malformed, answer)
    }
    return Greeting(shim: shim, id: String(words[3]))
  }

  package func status() throws(ShimError) -> ShimStatus {
    let answer = try request("status")
    guard let status = ShimStatus(ShimLines(answer)) else { throw ShimError(.malformed, answer) }
    return status
  }

  /// A process of the tree.
  package struct Process: Sendable, Hashable {
    package let identity: ProcessIdentity
    package let parent: Int32
    /// The program's name, at most 15 bytes.
    package let command: String
  }

  /// All processes of the tree, but for those that have ended.
  package func processes() throws(ShimError) -> [Process] {
    let answer = try request("pids", capacity: 128 << 10)
    return answer.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
      guard words.count == 4, let number = Int32(words[0]), let start = UInt64(words[1]), let parent = Int32(words[2])
      else { return nil }
      return Process(
        identity: ProcessIdentity(processID: number, start: start), parent: parent, command: String(words[3]))
    }
  }

  package enum Target: String, Sendable {
    /// The first process; `refused` with ESRCH where it has ended.
    case main
    /// Every process of the tree.
    case all
  }

  package func signal(_ signal: Int32, _ target: Target) throws(ShimError) {
    try expectOK("signal \(signal) \(target.rawValue)")
  }

  /// Has the tree end, and returns at once. The shim ends when no process is left; see `ShimFolder.state`.
  ///
  /// - Parameters:
  ///   - signal: What each process is sent now.
  ///   - graceMilliseconds: When those that are left are killed. Of several calls, the earliest time counts.
  package func stop(signal: Int32, graceMilliseconds: Int) throws(ShimError) {
    try expectOK("stop \(signal) \(max(0, graceMilliseconds))")
  }

  /// Removes the log's segments below `segment`, and has a tree go on that waits because the log is full.
  ///
  /// A segment is whole, and can be trimmed without loss, when there is a higher one, or when the status has told that
  /// the tree is held.
  ///
  /// - Parameter segment: Up to the one that is written to, or the next one where the tree is held.
  /// - Throws: `refused` with EINVAL where it is none of these.
  package func trim(below segment: Int) throws(ShimError) {
    try expectOK("trim \(max(0, segment))")
  }

  /// Changes the size of the tree's terminal.
  package func resize(columns: UInt16, rows: UInt16) throws(ShimError) {
    try expectOK("resize \(columns) \(rows)")
  }

  // MARK: Input

  package enum InputResult: Sendable, Hashable {
    /// Everything was taken.
    case accepted(total: Int)
    /// The offset is not where the shim is: what is before `total` has been taken, nothing of this call has.
    case at(total: Int)
    /// The shim's buffer is full. What is before `total` has been taken; `ShimPush.room` tells when there is room.
    case full(total: Int)
  }

  /// Writes to the tree's standard input.
  ///
  /// - Parameter offset: How many bytes have been taken before, by any server: so nothing is written twice by one that
  ///   does not know whether its last call arrived.
  /// - Throws: `refused` with EPIPE where the input has ended or nobody reads it.
  package func input(_ bytes: some Collection<UInt8>, at offset: Int) throws(ShimError) -> InputResult {
    var rest = bytes[...]
    var offset = offset
    repeat {
      // Smaller than a socket's buffer, so that a packet always fits.
      let part = rest.prefix(64 << 10)
      let answer = try request("input \(offset)\n", part)
      let words = answer.split(separator: " ")
      guard words.count == 2, let total = Int(words[1]) else { throw failure(answer) }
      switch words[0] {
      case "ok": offset = total
      case "at": return .at(total: total)
      case "full": return .full(total: total)
      default: throw failure(answer)
      }
      rest = rest.dropFirst(part.count)
    } while !rest.isEmpty
    return .accepted(total: offset)
  }

  /// Ends the tree's standard input after what has been taken. A terminal is sent its end-of-file character.
  package func endInput(at offset: Int) throws(ShimError) -> InputResult {
    let answer = try request("inputEnd \(offset)")
    if answer == "ok" { return .accepted(total: offset) }
    guard let total = Int(answer.dropFirst(3)), answer.hasPrefix("at ") else { throw failure(answer) }
    return .at(total: total)
  }

  // MARK: Parts

  private func expectOK(_ request: String) throws(ShimError) {
    let answer = try self.request(request)
    guard answer == "ok" else { throw failure(answer) }
  }

  /// The error that an answer `error ERRNO WORDS` tells of.
  private func failure(_ answer: String) -> ShimError {
    let words = answer.split(separator: " ", maxSplits: 2)
    guard words.count == 3, words[0] == "error", let errno = Int32(words[1]) else {
      return ShimError(.malformed, answer)
    }
    return ShimError(.refused, errno: errno, String(words[2]))
  }

  private func request(
    _ line: String, _ bytes: some Collection<UInt8> = EmptyCollection<UInt8>(), capacity: Int = 4096
  ) throws(ShimError) -> String {
    let packet = Array(line.utf8) + bytes
    return try connection.withLock { (connection: inout ShimConnection?) throws(ShimError) -> String in
      let deadline = Timestamp.monotonicNanoseconds() + timeoutNanoseconds
      // An answer that comes too late must not be taken for the next one's: a call that fails ends the connection.
      let open: ShimConnection
      if let connection {
        open = connection
      } else {
        open = try ShimConnection(folder: folder, timeoutNanoseconds: timeoutNanoseconds)
      }
      connection = nil
      try open.send(packet, deadline: deadline)
      guard let answer = try open.receive(capacity: capacity, deadline: deadline) else {
        throw ShimError(.gone, "no answer")
      }
      connection = open
      return answer
    }
  }
}
