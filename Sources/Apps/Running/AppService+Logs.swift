package import BerthProtocol
import JSON
import Platform
package import Streams
import Supervisor

/// What apps have written.
extension AppService {
  /// `app/logs` without what comes.
  package func logs(_ params: AppLogs.Params) throws -> AppLogPage {
    let entry = try find(params.app, workspace: params.workspace)
    var position = try entry.output.position(tail: params.tail, sinceSeconds: params.since)
    var lines: [StreamEvent] = []
    while lines.count < params.tail {
      let batch = try entry.output.read(after: position, limitBytes: 1 << 20, filter: nil)
      position = batch.position ?? position
      lines += try StreamEvent.decode(list: batch.events)
      if batch.caughtUp || batch.count == 0 { break }
    }
    return AppLogPage(stream: entry.output.name, lines: lines, next: position?.cursor)
  }

  /// The same with what comes: where to begin.
  package func follow(_ params: AppLogs.Params) throws -> Follower {
    let entry = try find(params.app, workspace: params.workspace)
    let position = try entry.output.position(tail: params.tail, sinceSeconds: params.since)
    return try streams.follow(StreamAttach.Params(stream: entry.output.name, after: position?.cursor))
  }
}

extension StreamEvent {
  fileprivate static func decode(list events: [UInt8]) throws -> [StreamEvent] {
    let list = try JSONParser.parse([UInt8(ascii: "[")] + events + [UInt8(ascii: "]")])
    return try (list.arrayValue ?? []).map { try Decoding.decode(StreamEvent.self, from: $0) }
  }
}

extension SegmentJournal {
  /// The last lines, as far as they can be read.
  ///
  /// - Parameter time: When the run began whose lines are wanted, as the protocol writes times; none where it never did.
  func lastLines(_ count: Int, since time: String?) -> [String] {
    guard let began = time.flatMap({ Timestamp.nanoseconds(from: $0) }),
      let position = try? position(tail: count, sinceSeconds: Double(began) / 1e9),
      let batch = try? read(after: position, limitBytes: 64 << 10, filter: nil)
    else { return [] }
    return AppOutput.decode(events: batch.events).map(\.text)
  }
}
