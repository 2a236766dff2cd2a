import BerthProtocol
import Foundation
import JSON
import Platform
import Storage
import Streams
import Synchronization
import TestSupport
import Testing

@testable import Workspaces

/// A home with a real database, and a folder of a user's beside it.
final class RegistryFixture {
  private let temporary: TemporaryFolder
  /// The folder that holds everything.
  let root: String
  let home: Home
  let clock = Clock()
  private(set) var database: Storage.Database
  private(set) var streams: StreamStore
  private(set) var service: WorkspaceService

  /// A clock that stands still until it is moved on.
  final class Clock: Sendable {
    private let time = Atomic<Int64>(1_800_000_000_000_000_000)
    var nanoseconds: Int64 { time.load(ordering: .relaxed) }
    func advance(seconds: Int64) { time.add(seconds * 1_000_000_000, ordering: .relaxed) }
  }

  static let keepSeconds = 1000

  init() throws {
    temporary = try TemporaryFolder()
    root = try FolderPath.canonical(temporary.path)
    home = Home(root + "/home")
    try home.create()
    (database, streams, service) = try Self.start(home, clock)
    try service.recover()
  }

  deinit {
    try? database.close()
  }

  /// Closes the database and opens it again, as a server does that starts.
  func restart() throws {
    try database.close()
    (database, streams, service) = try Self.start(home, clock)
    try service.recover()
  }

  private static func start(_ home: Home, _ clock: Clock) throws -> (Storage.Database, StreamStore, WorkspaceService) {
    let database = try Storage.Database(
      path: home.database, durability: .normal, migrations: StreamStore.migrations + WorkspaceService.migrations)
    let streams = StreamStore(database: database, retention: StreamsConfig())
    let service = try WorkspaceService(
      home: home.path, database: database, streams: streams, trashSeconds: { keepSeconds }, now: { clock.nanoseconds },
      inBackground: { $0() })
    return (database, streams, service)
  }

  /// Makes a folder of the user's with a file in it.
  @discardableResult
  func folder(_ name: String, holding text: String = "hello") throws -> String {
    let path = root + "/" + name
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try text.write(toFile: path + "/file.txt", atomically: false, encoding: .utf8)
    return path
  }

  func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

  func exists(_ path: String) -> Bool { (try? FolderLook.at(path)) != nil }

  /// Makes a workspace of a folder of the user's.
  func workspace(_ name: String, key: String? = nil) throws -> Workspace {
    try service.create(.init(key: key, path: folder(name))).workspace
  }

  /// The types of the events so far, of which each tells of a workspace.
  func events() throws -> [String] {
    let batch = try streams.journal("events").read(after: nil, limitBytes: 1 << 24, filter: nil)
    let events = try JSONParser.parse(Array("[".utf8) + batch.events + Array("]".utf8)).arrayValue ?? []
    return events.compactMap { $0["type"]?.stringValue }
  }

  /// Puts a workspace's record into a state in which a dying server would have left it.
  func leave(_ id: String, _ change: (inout WorkspaceRecord) -> Void) throws {
    var record = try service.record(id, includingDeleted: true)
    change(&record)
    try service.commit(record, event: nil)
  }
}

/// Expects a call to fail with an error of that type, and returns it.
@discardableResult
func expectError<Value>(
  _ type: ErrorType, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Value
) -> ProtocolError? {
  do {
    let value = try body()
    Issue.record("succeeded with \(value)", sourceLocation: sourceLocation)
  } catch let error as ProtocolError {
    #expect(error.type == type, "\(error)", sourceLocation: sourceLocation)
    return error
  } catch {
    Issue.record("\(error)", sourceLocation: sourceLocation)
  }
  return nil
}
