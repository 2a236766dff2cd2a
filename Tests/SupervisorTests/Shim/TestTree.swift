import Glibc
import Platform
import Supervisor
import TestSupport
import Testing

/// A tree in a folder of its own. What is left of it is killed when nobody holds it any more.
final class TestTree: Sendable {
  private static let follower = try? ShimFollower()

  let home: TemporaryFolder
  let folder: ShimFolder
  let control: ShimControl
  let started: Shim.Started
  let specification: ShimSpecification

  var logFolder: String { specification.log.folder }
  /// What each process of this tree has in its environment, and no other.
  var marker: String { Self.marker(specification.id) }

  /// Runs `script` in a shell, or whatever command `adjust` puts into the specification.
  init(
    _ script: String = "", in home: TemporaryFolder? = nil,
    _ adjust: (inout ShimSpecification) -> Void = { _ in }
  ) throws {
    let home = try home ?? TemporaryFolder()
    let specification = try Self.specification(script, in: home, adjust)
    let folder = try Self.newFolder(in: home)
    self.home = home
    self.specification = specification
    self.folder = ShimFolder(folder)
    control = ShimControl(folder: folder)
    started = try Shim.launch(specification, in: folder)
  }

  deinit {
    // Its folder is removed next: the shim must have written its last.
    guard (try? control.stop(signal: SIGKILL, graceMilliseconds: 0)) != nil else { return }
    _ = waits(seconds: 5) { (try? folder.exit()) != nil }
  }

  static func specification(
    _ script: String, in home: TemporaryFolder, _ adjust: (inout ShimSpecification) -> Void = { _ in }
  ) throws -> ShimSpecification {
    let id = Identifier.make("tree")
    mkdir(home.path + "/log", 0o700)
    var specification = ShimSpecification(
      id: id, arguments: ["/bin/sh", "-c", script],
      environment: ["PATH=/usr/local/bin:/usr/bin:/bin", marker(id), "HOME=\(home.path)"], directory: home.path,
      log: .init(folder: home.path + "/log"))
    adjust(&specification)
    return specification
  }

  static func newFolder(in home: TemporaryFolder) throws -> String {
    let path = home.path + "/" + Identifier.make("shim")
    guard mkdir(path, 0o700) == 0 else { throw SystemError("mkdir", path: path) }
    return path
  }

  private static func marker(_ id: String) -> String { "BERTH_TEST_TREE=\(id)" }

  /// Has `pushes` hear what the shim tells, for as long as it lives.
  func follow(_ pushes: Pushes) throws {
    _ = try #require(Self.follower).follow(folder.path, onPush: pushes.add)
  }

  // MARK: Waiting

  /// Awaits the tree's end.
  func end(seconds: Double = 20) async throws -> ShimExit {
    try await eventually("the end of the tree", seconds: seconds) { try folder.exit() }
  }

  /// Awaits that a file is in the home, as a sign of the tree's.
  func sign(_ name: String) async throws {
    _ = try await eventually("the file \(name)") { access("\(home.path)/\(name)", F_OK) == 0 ? true : nil }
  }

  /// Awaits log lines that make `condition` true.
  @discardableResult
  func lines(where condition: ([LogLine]) -> Bool) async throws -> [LogLine] {
    var last: [LogLine] = []
    do {
      return try await eventually("the log's lines") {
        last = try lines()
        return condition(last) ? last : nil
      }
    } catch is NothingCame {
      throw NothingCame(description: "the log's lines have not come, but \(last.map { "\($0.flag) \($0.string)" })")
    }
  }

  // MARK: Looking

  func lines() throws -> [LogLine] { try LogLine.all(in: logFolder) }

  /// The processes that have the tree's marker in their environment, wherever they are.
  func marked() -> [Int32] {
    processNumbers().filter { number in
      guard let bytes = try? SmallFile.read("/proc/\(number)/environ") else { return false }
      return bytes.split(separator: 0).contains { $0.elementsEqual(marker.utf8) }
    }
  }
}

/// A line of a log.
struct LogLine: Hashable {
  var stream: String
  var flag: Character
  var text: [UInt8]

  var string: String { String(decoding: text, as: UTF8.self) }

  static func all(in folder: String) throws -> [LogLine] {
    try fileNames(in: folder).sorted().flatMap { name in
      lines(of: try SmallFile.read("\(folder)/\(name)") ?? [])
    }
  }

  static func lines(of segment: [UInt8]) -> [LogLine] {
    #expect(segment.isEmpty || segment.last == UInt8(ascii: "\n"))
    return segment.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 3, omittingEmptySubsequences: false)
      guard fields.count == 4, let flag = fields[2].first.map({ Character(UnicodeScalar($0)) }) else {
        Issue.record("not a line of a log: \(String(decoding: line.prefix(200), as: UTF8.self))")
        return nil
      }
      #expect(Timestamp.nanoseconds(from: String(decoding: fields[0], as: UTF8.self)) != nil)
      return LogLine(stream: String(decoding: fields[1], as: UTF8.self), flag: flag, text: Array(fields[3]))
    }
  }
}

extension [LogLine] {
  /// What was printed to a stream, with parts put together.
  func text(_ stream: String = "stdout") -> [UInt8] {
    filter { $0.stream == stream }.flatMap { $0.flag == "P" ? $0.text : $0.text + [UInt8(ascii: "\n")] }
  }

  func string(_ stream: String = "stdout") -> String { String(decoding: text(stream), as: UTF8.self) }
}

struct NothingCame: Error, CustomStringConvertible {
  let description: String
}

/// Asks again and again, until there is an answer or so much time has passed that there will be none.
func eventually<Result>(
  _ what: String, seconds: Double = 20, _ body: () throws -> Result?
) async throws -> Result {
  let deadline = Timestamp.monotonicNanoseconds() + Int64(seconds * 1e9)
  while true {
    if let result = try body() { return result }
    guard Timestamp.monotonicNanoseconds() < deadline else {
      throw NothingCame(description: "\(what) has not come within \(seconds) s")
    }
    try await Task.sleep(for: .milliseconds(2))
  }
}

func fileNames(in folder: String) throws -> [String] {
  try Directory(path: folder).entries().map(\.name.string)
}

func processNumbers() -> [Int32] {
  ((try? fileNames(in: "/proc")) ?? []).compactMap { Int32($0) }
}

/// A number from a `key: value` file of /proc, in the file's own unit.
func procNumber(_ path: String, _ key: String) -> Int? {
  let text = String(decoding: (try? SmallFile.read(path)) ?? [], as: UTF8.self)
  let line = text.split(separator: "\n").first { $0.hasPrefix(key + ":") }
  return line.flatMap { Int($0.dropFirst(key.count + 1).split(whereSeparator: \.isWhitespace).first ?? "") }
}

/// The error that a call on a shim fails with.
func shimError<Result>(_ body: () throws -> Result) -> ShimError? {
  do {
    _ = try body()
    return nil
  } catch {
    return error as? ShimError
  }
}
