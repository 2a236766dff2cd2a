import BerthProtocol
import JSON
import Storage
import Synchronization
import TestSupport

@testable import Streams

/// A database with its streams, which a test can restart and whose clock it sets.
final class StreamHome: Sendable {
  let folder: TemporaryFolder
  let database: Storage.Database
  let store: StreamStore
  private let clock: Clock

  final class Clock: Sendable {
    let milliseconds = Mutex<Int64>(1_800_000_000_000)
  }

  convenience init(_ retention: StreamsConfig = StreamsConfig()) throws {
    try self.init(folder: TemporaryFolder(), clock: Clock(), retention: retention)
  }

  private init(folder: TemporaryFolder, clock: Clock, retention: StreamsConfig) throws {
    self.folder = folder
    self.clock = clock
    database = try Database(
      path: "\(folder.path)/berth.sqlite", durability: .normal, migrations: StreamStore.migrations)
    store = StreamStore(database: database, retention: retention) { clock.milliseconds.withLock { $0 } }
  }

  /// Closes the database and opens it again, as a new server does.
  func restart(_ retention: StreamsConfig = StreamsConfig()) throws -> StreamHome {
    try database.close()
    return try StreamHome(folder: folder, clock: clock, retention: retention)
  }

  func advance(seconds: Int) {
    clock.milliseconds.withLock { $0 += Int64(seconds) * 1000 }
  }

  /// Appends events `{"n": …}`.
  @discardableResult
  func append(
    _ stream: String, _ numbers: some Sequence<Int>, type: String = "number", close: Bool = false
  ) throws
    -> AppendResult
  {
    let events = numbers.map { NewJournalEvent(type: type, payload: ["n": .integer($0)] as JSONValue) }
    return try store.append(stream, events, close: close)
  }

  func follower(
    _ stream: String, after: String? = nil, tail: Int? = nil, follow: Bool = true, types: [String]? = nil
  ) throws -> Follower {
    try store.follow(
      StreamAttach.Params(stream: stream, after: after, tail: tail, follow: follow, types: types))
  }

  /// What is there now, from a position on.
  func read(_ stream: String, after: String? = nil, types: [String]? = nil) throws -> [Int] {
    try store.read(StreamRead.Params(stream: stream, after: after, types: types)).events.map(\.number)
  }
}

extension StreamEvent {
  /// The `n` of a test's event.
  var number: Int { payload["n"]?.intValue ?? -1 }
}

extension JournalBatch {
  var decoded: [StreamEvent] {
    get throws {
      let json = try JSONParser.parse([UInt8(ascii: "[")] + events + [UInt8(ascii: "]")])
      return try Decoding.decode([StreamEvent].self, from: json)
    }
  }

  var numbers: [Int] { get throws { try decoded.map(\.number) } }
}

/// What a follower was handed, all in all.
struct Followed: Sendable {
  var events: [StreamEvent] = []
  var gaps: [StreamGap] = []
  var end: EndReason?

  var numbers: [Int] { events.map(\.number) }

  mutating func take(_ batch: JournalBatch) throws {
    events += try batch.decoded
    if let gap = batch.gap { gaps.append(gap) }
    end = batch.end
  }
}

extension Follower {
  /// Takes pieces until there are so many events, or the end.
  mutating func take(_ count: Int = .max, limitBytes: Int = 64 << 10) async throws -> Followed {
    var followed = Followed()
    while followed.events.count < count, let batch = try await next(limitBytes: limitBytes) {
      try followed.take(batch)
    }
    return followed
  }
}
