import BerthProtocol
import Glibc
import JSON
import Platform
import Storage
import Streams
import Testing

@testable import Workspaces

/// A real folder that stands for a workspace, and a service that watches it.
final class WatchFixture: Sendable {
  let files: FilesFixture
  let service: WatchService
  private let home: FilesFixture
  private let database: Storage.Database
  private let streams: StreamStore

  init(maximumDirectories: Int = 10_000, lingerSeconds: Double = 60) throws {
    files = try FilesFixture()
    home = try FilesFixture()
    database = try Storage.Database(
      path: home.path + "/berth.sqlite", durability: .normal, migrations: StreamStore.migrations)
    streams = StreamStore(database: database, retention: StreamsConfig())
    service = try WatchService(
      workspaces: files, streams: streams, maximumDirectories: { maximumDirectories }, lingerSeconds: lingerSeconds)
  }

  deinit {
    try? database.close()
  }

  /// Begins to watch, and follows what is told.
  func watch(
    _ path: String? = nil, recursive: Bool = true, include: [String]? = nil, exclude: [String]? = nil,
    gitignore: Bool = true, debounceMs: Int = 20
  ) throws -> WatchFollower {
    let stream = try service.watch(
      FileWatch.Params(
        workspace: "w", path: path, recursive: recursive, include: include, exclude: exclude, gitignore: gitignore,
        debounceMs: debounceMs))
    return WatchFollower(try streams.journal(stream))
  }

  func hasStream(_ name: String) -> Bool { (try? streams.journal(name)) != nil }
}

/// Somebody who follows a watch.
final class WatchFollower: @unchecked Sendable {
  // Used by one task at a time.
  let journal: any Journal
  private var position: StreamPosition?
  private(set) var gaps = 0
  private(set) var hasEnded = false

  init(_ journal: any Journal) {
    self.journal = journal
  }

  struct TimeOut: Error {}

  /// Takes what is told until `isEnough` says so; fails after some seconds.
  func changes(until isEnough: @escaping @Sendable (WatchFollower, [Told]) -> Bool) async throws -> [Told] {
    try await withThrowingTaskGroup(of: [Told].self) { group in
      group.addTask {
        var told: [Told] = []
        while !isEnough(self, told) {
          let batch = try await self.journal.next(after: self.position, limitBytes: 1 << 20)
          self.position = batch.position
          if batch.gap != nil { self.gaps += 1 }
          if batch.end != nil { self.hasEnded = true }
          let events = try JSONParser.parse(Array("[".utf8) + batch.events + Array("]".utf8)).arrayValue ?? []
          told += try events.map { try Told($0) }
          if self.hasEnded { break }
        }
        return told
      }
      group.addTask {
        try await Task.sleep(for: .seconds(20))
        throw TimeOut()
      }
      defer { group.cancelAll() }
      return try await group.next() ?? []
    }
  }

  /// What the names of files begin with that are made to see where the stream is.
  static let mark = "~mark-"

  /// What was told of all that was done before now.
  func changes(before mark: FilesFixture, in folder: String = "") async throws -> [Told] {
    var told: [Told] = []
    // What is seen in one look is told in no order that matters here: the second mark comes in a later one.
    for _ in 0..<2 {
      let name = folder + Self.mark + Identifier.make("m")
      try mark.put(name)
      told += try await changes { _, told in told.contains { $0.path == name } }
    }
    return told.filter { !$0.path.contains(Self.mark) }
  }

  func end() async throws {
    _ = try await changes { follower, _ in follower.hasEnded }
  }
}

/// A change, as it is written in tests: `+` created, `*` changed, `-` deleted, `from > path` moved; folders end with a
/// slash, links with an `@`.
struct Told: Hashable, Sendable, CustomStringConvertible {
  let type: String
  let path: String
  let from: String?
  let kind: FileType

  init(_ event: JSONValue) throws {
    type = try #require(event["type"]?.stringValue)
    let change = try Decoding.decode(FileChanged.self, from: try #require(event["payload"]))
    path = change.path
    from = change.from
    kind = change.type
  }

  var description: String {
    let mark = kind == .directory ? "/" : kind == .symlink ? "@" : ""
    return switch type {
    case EventType.fileCreated: "+\(path)\(mark)"
    case EventType.fileChanged: "*\(path)\(mark)"
    case EventType.fileDeleted: "-\(path)\(mark)"
    default: "\(from ?? "?")>\(path)\(mark)"
    }
  }
}

extension [Told] {
  var text: [String] { map(\.description) }
}
