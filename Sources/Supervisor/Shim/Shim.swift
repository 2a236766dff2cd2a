internal import CPlatform
internal import Glibc
internal import Platform

/// The small process that holds a supervised tree, and outlives the server that started it.
package enum Shim {
  /// What runs after a launch.
  package struct Started: Sendable, Hashable {
    package let shim: Int32
    package let main: ProcessIdentity
  }

  /// `berth-shim` beside the program that this process runs.
  package static let executable: String = {
    let own = ChildProcess.ownProgram
    return own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/berth-shim"
  }()

  /// Starts a tree, and returns when its program has been executed.
  ///
  /// The shim is nobody's child: this process and one that comes after it speak to it in the same way, through
  /// `ShimControl`.
  ///
  /// - Parameters:
  ///   - folder: An existing folder of this tree's own, mode 0700: an absolute path.
  ///   - executable: The path of `berth-shim`.
  /// - Throws: `launch`, and nothing is left running; `timeout`, and what there is has been told to end.
  package static func launch(
    _ specification: ShimSpecification, in folder: String, executable: String = Shim.executable,
    timeoutSeconds: Double = 20
  ) throws(ShimError) -> Started {
    let deadline = Timestamp.monotonicNanoseconds() + Int64(timeoutSeconds * 1_000_000_000)
    let records = try specification.encoded()
    let launcher: ChildProcess
    let answer: OwnedDescriptor
    do throws(SystemError) {
      (launcher, answer) = try start(executable, folder: folder, records: records)
    } catch {
      throw ShimError(.launch, step: "shim", errno: error.errno, executable)
    }
    do throws(ShimError) {
      let line = try readLine(answer, deadline: deadline)
      launcher.wait()
      return try Started(answer: line)
    } catch {
      if error.code == .timeout {
        // Before its fork, the launcher is the shim; after it, the shim listens to its folder.
        launcher.send(SIGKILL)
        try? ShimControl(folder: folder, timeoutSeconds: 1).stop(signal: SIGKILL, graceMilliseconds: 0)
      }
      launcher.wait()
      throw error
    }
  }

  /// A file in memory holds the records: nobody blocks on writing them, and nobody else can read them.
  private static func start(
    _ executable: String, folder: String, records: [UInt8]
  ) throws(SystemError) -> (ChildProcess, OwnedDescriptor) {
    let file = berth_memory_file(records, records.count)
    guard file >= 0 else { throw SystemError("memfd_create") }
    let input = OwnedDescriptor(adopting: file)
    let answer = try OwnedDescriptor.pipe()
    let launcher = try ChildProcess(
      executable, [folder], environment: [], input: input, output: answer.write, error: .null())
    return (launcher, answer.read)
  }

  private static func readLine(_ pipe: OwnedDescriptor, deadline: Int64) throws(ShimError) -> String {
    var line: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1024)
    while line.last != UInt8(ascii: "\n") {
      let count = pipe.withDescriptor { berth_read_until($0, &buffer, buffer.count, deadline) }
      if count < 0 { throw ShimError(SystemError("read"), else: .launch) }
      if count == 0 { throw ShimError(.launch, step: "shim", "the shim ended without a word") }
      line += buffer[..<count]
    }
    return String(decoding: line.dropLast(), as: UTF8.self)
  }
}

extension Shim.Started {
  /// Reads `started SHIM MAIN START` or throws what `failed STEP ERRNO ABOUT` says.
  fileprivate init(answer: String) throws(ShimError) {
    let words = answer.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
    if words.count == 4, words[0] == "started", let shim = Int32(words[1]), let main = Int32(words[2]),
      let start = UInt64(words[3])
    {
      self.init(shim: shim, main: ProcessIdentity(processID: main, start: start))
    } else if words.count >= 3, words[0] == "failed", let errno = Int32(words[2]) {
      throw ShimError(.launch, step: String(words[1]), errno: errno, words.count == 4 ? String(words[3]) : "")
    } else {
      throw ShimError(.launch, step: "shim", "the shim answered \(answer)")
    }
  }
}
