import BerthProtocol
import JSON
import Streams

/// A message that is being said: the pieces are told as they come, the whole at its end.
///
/// Its text is kept as it stands within a JSON string, so that pieces which came so are copied only.
struct MessageText {
  /// The number of the first piece's event; nil while nothing is being said.
  private(set) var first: Int?
  private(set) var isThought = false
  private var escaped: [UInt8] = []

  /// A longer message is told in parts.
  private static let maximumBytes = 256 << 10

  var isEmpty: Bool { first == nil }

  /// Tells the next piece.
  ///
  /// - Parameter text: What stands between the quotation marks of a JSON string.
  mutating func add(_ text: some Collection<UInt8>, isThought: Bool, to changes: inout RunChanges) {
    if first != nil, isThought != self.isThought { end(in: &changes) }
    if escaped.count + text.count > Self.maximumBytes, first != nil { end(in: &changes, continues: true) }
    if first == nil {
      first = changes.nextSeq
      self.isThought = isThought
    }
    escaped += text
    changes.add(isThought ? EventType.thoughtDelta : EventType.messageDelta) { bytes in
      bytes += "\"text\":\"".utf8
      bytes += text
      bytes.append(UInt8(ascii: "\""))
    }
  }

  /// The same for a text that is no JSON yet.
  mutating func add(_ text: String, isThought: Bool, to changes: inout RunChanges) {
    guard !text.isEmpty else { return }
    var writer = JSONWriter()
    writer.string(text)
    add(writer.bytes.dropFirst().dropLast(), isThought: isThought, to: &changes)
  }

  /// Tells the whole message, where one is being said.
  mutating func end(in changes: inout RunChanges, continues: Bool = false) {
    guard first != nil else { return }
    let (text, isThought) = (escaped, isThought)
    changes.add(EventType.message) { bytes in
      bytes += "\"role\":\"agent\",\"content\":[{\"type\":\"text\",\"text\":\"".utf8
      bytes += text
      bytes += "\"}]".utf8
      if isThought { bytes += ",\"thought\":true".utf8 }
      if continues { bytes += ",\"continues\":true".utf8 }
    }
    if !isThought {
      changes.record.run.message = (try? JSONParser.parse([UInt8(ascii: "\"")] + text + [UInt8(ascii: "\"")]))?
        .stringValue.map { String($0.prefix(16 << 10)) }
    }
    first = nil
    escaped.removeAll(keepingCapacity: true)
  }

  init() {}

  /// What was being said when an earlier server died, from the pieces in the run's stream.
  ///
  /// - Parameter first: The number of the first piece's event, as it was kept.
  init(from first: Int?, of run: RunContext) throws {
    guard let first else { return }
    let journal = try run.services.streams.journal(run.record.run.stream)
    guard let end = try journal.endPosition() else { return }
    let filter = TypeFilter([EventType.messageDelta, EventType.thoughtDelta])
    var position: StreamPosition? = StreamPosition(high: end.high, low: UInt64(first - 1))
    while true {
      let batch = try journal.read(after: position, limitBytes: 1 << 20, filter: filter)
      let events = try JSONParser.parse([UInt8(ascii: "[")] + batch.events + [UInt8(ascii: "]")]).arrayValue ?? []
      for event in events {
        isThought = event["type"]?.stringValue == EventType.thoughtDelta
        var writer = JSONWriter()
        writer.string(event["payload"]?["text"]?.stringValue ?? "")
        escaped += writer.bytes.dropFirst().dropLast()
      }
      position = batch.position
      if batch.caughtUp { break }
    }
    self.first = first
  }
}
