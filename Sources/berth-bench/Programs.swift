import ArgumentParser
import CBench
import Glibc
import Platform

// What apps run: small programs of known behaviour. They are this very program, called in another way.

/// Writes numbered lines.
struct Lines: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Write numbered lines; an app.", shouldDisplay: false)

  @Argument var count: Int
  /// The pause behind each, in microseconds; 0 for as fast as they are taken.
  @Argument var pauseMicroseconds = 0

  /// How long a line is, its end included.
  static let bytes = 100

  func run() {
    _ = berth_write_lines(STDOUT_FILENO, UInt64(count), Self.bytes, UInt64(pauseMicroseconds) * 1000)
  }

  /// The command line for it.
  static func command(_ count: Int, pauseMicroseconds: Int = 0) -> String {
    "\(ChildProcess.ownProgram) lines \(count) \(pauseMicroseconds)"
  }
}

/// Is an agent.
struct Speak: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Speak the Agent Client Protocol; an agent.", shouldDisplay: false)

  @Argument var count: Int
  /// How many pieces it writes in a second; 0 for as many as are taken.
  @Argument var perSecond = 0

  func run() {
    _ = berth_speak(STDIN_FILENO, STDOUT_FILENO, UInt64(count), UInt64(perSecond))
  }
}

/// Answers HTTP requests.
struct Answer: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Answer HTTP requests; an app.", shouldDisplay: false)

  @Argument var port: Int

  func run() throws {
    guard berth_answer_http(Int32(port)) == 0 else { throw SystemError("bind", path: "port \(port)") }
  }
}

/// Does not want to end.
struct Resist: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Be a tree of processes that does not want to end; an app.", shouldDisplay: false)

  /// It ends when there is no such file any more.
  @Argument var path: String
  /// The beginning of the names of files that are touched as long as the processes live.
  @Argument var sign: String

  func run() {
    _ = berth_resist(path, sign)
  }

  /// How many of the processes are alive.
  static func alive(_ sign: String) -> Int {
    let before = times(sign)
    usleep(200_000)
    return zip(before, times(sign)).count { $0 != $1 }
  }

  private static func times(_ sign: String) -> [Int] {
    (0..<BERTH_RESISTING).map { index in
      var found = stat()
      guard stat("\(sign).\(index)", &found) == 0 else { return 0 }
      return found.st_mtim.tv_sec * 1_000_000_000 + found.st_mtim.tv_nsec
    }
  }
}
