import BerthProtocol
import JSON
import Streams
import Supervisor

/// Turns lines of a program into `output` events.
enum OutputLines {
  /// A longer line is told in parts.
  private static let maximumText = 64 << 10
  /// A longer line is not looked at as JSON.
  private static let maximumJSON = 1 << 20

  /// Events on their way into one change of a run.
  struct Batch {
    private var members: [[UInt8]] = []

    var isEmpty: Bool { members.isEmpty }

    mutating func add(_ line: HeldOutput.Line) {
      let source: StaticString = line.source == .output ? "\"source\":\"stdout\"" : "\"source\":\"stderr\""
      if line.source == .output, line.text.count <= maximumJSON, isObject(line.text) {
        var bytes = bytes(source)
        bytes += ",\"text\":\"\",\"json\":".utf8
        bytes += line.text
        return members.append(bytes)
      }
      var rest = line.text
      repeat {
        let isLast = rest.count <= maximumText
        var bytes = bytes(source)
        bytes += ",\"text\":\"".utf8
        let read = append(UnsafeRawBufferPointer(rebasing: rest.prefix(maximumText)), endsHere: isLast, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
        if !isLast || line.isCut { bytes += ",\"partial\":true".utf8 }
        members.append(bytes)
        rest = UnsafeRawBufferPointer(rebasing: rest[read...])
      } while !rest.isEmpty
    }

    func write(to changes: inout RunChanges) {
      for member in members { changes.add(EventType.output) { $0 += member } }
    }
  }

  private static func bytes(_ text: StaticString) -> [UInt8] {
    Array(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Writes text as the content of a JSON string. - Returns: How much of it was read.
  private static func append(_ text: UnsafeRawBufferPointer, endsHere: Bool, to bytes: inout [UInt8]) -> Int {
    var read = 0
    let escaped = [UInt8](unsafeUninitializedCapacity: JSONStringBytes.room(for: text.count)) { buffer, count in
      guard let start = buffer.baseAddress else { return }
      (read, count) = JSONStringBytes.write(text, to: start, endsHere: endsHere)
    }
    bytes += escaped
    return read
  }

  /// Whether a line is one JSON object and nothing else.
  private static func isObject(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.first == UInt8(ascii: "{") else { return false }
    var scanner = JSONScanner(text)
    guard (try? scanner.skipValue()) != nil else { return false }
    scanner.skipWhitespace()
    return scanner.isAtEnd
  }
}

extension RunContext {
  /// The last lines that the run's program has written, as its stream has them.
  func lastOutput() throws -> [String] {
    let journal = try services.streams.journal(record.run.stream)
    let filter = TypeFilter([EventType.output])
    let start = try journal.position(beforeLast: 10, matching: filter)
    let batch = try journal.read(after: start, limitBytes: 1 << 20, filter: filter)
    let events = try JSONParser.parse([UInt8(ascii: "[")] + batch.events + [UInt8(ascii: "]")]).arrayValue ?? []
    return events.compactMap { event in
      let payload = event["payload"]
      return (payload?["json"]?.jsonString ?? payload?["text"]?.stringValue).map { String($0.prefix(1000)) }
    }
  }
}

extension RunExit {
  init(_ exit: ProcessExit?, lines: [String]) {
    switch exit {
    case .code(let code): self.init(code: Int(code), lines: lines)
    case .signal(let signal): self.init(signal: SignalName.of(signal), lines: lines)
    case nil: self.init(lines: lines)
    }
  }
}
