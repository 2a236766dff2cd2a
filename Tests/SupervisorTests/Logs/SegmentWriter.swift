import Foundation
import JSON
import Streams
import TestSupport

@testable import Supervisor

/// A log folder, written as a shim writes it.
final class SegmentWriter {
  let folder: TemporaryFolder
  var path: String { folder.path + "/log" }
  private(set) var segment: UInt64
  /// A new line is a millisecond younger than the one before.
  private(set) var lines = 0

  static let began = 1_795_213_800

  init(segment: UInt64 = 1) throws {
    folder = try TemporaryFolder()
    self.segment = segment
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try raw([])
  }

  func journal() -> SegmentJournal { SegmentJournal(name: "app/x/log", folder: path) }

  /// Writes bytes as they are.
  func raw(_ bytes: some Sequence<UInt8>) throws {
    let path = SegmentFolder(path: path).path(of: segment)
    if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try file.seekToEnd()
    try file.write(contentsOf: Data(bytes))
    try file.close()
  }

  func write(_ text: some Sequence<UInt8>, source: String = "stdout", isWhole: Bool = true) throws {
    let (second, millisecond) = lines.quotientAndRemainder(dividingBy: 1000)
    let time = String(format: "2026-11-20T22:%02d:%02d.%03d456789Z", 30 + second / 60, second % 60, millisecond)
    try raw(Array("\(time) \(source) \(isWhole ? "F" : "P") ".utf8) + Array(text) + [UInt8(ascii: "\n")])
    lines += 1
  }

  func write(_ text: String, source: String = "stdout", isWhole: Bool = true) throws {
    try write(text.utf8, source: source, isWhole: isWhole)
  }

  func write(_ numbers: some Sequence<Int>) throws {
    for number in numbers { try write("line \(number)") }
  }

  /// Begins a new segment, and keeps the newest `kept`.
  func rotate(keeping kept: Int = .max) throws {
    segment += 1
    try raw([])
    let folder = SegmentFolder(path: path)
    for old in try folder.segments().dropLast(kept) { try FileManager.default.removeItem(atPath: folder.path(of: old)) }
  }
}

/// What was read of a log.
struct ReadOutput {
  var events: [JSONObject] = []
  var gaps = 0
  var position: StreamPosition?

  var texts: [String] { events.map { $0["payload"]?["text"]?.stringValue ?? "" } }
  var sources: [String] { events.map { $0["payload"]?["source"]?.stringValue ?? "" } }
  var partials: [Bool] { events.map { $0["payload"]?["partial"] == .bool(true) } }
  var times: [String] { events.map { $0["time"]?.stringValue ?? "" } }
  var cursors: [String] { events.map { $0["cursor"]?.stringValue ?? "" } }
  /// Of lines `line N`.
  var numbers: [Int] { texts.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } } }

  mutating func take(_ batch: JournalBatch) throws {
    let json = try JSONParser.parse([UInt8(ascii: "[")] + batch.events + [UInt8(ascii: "]")])
    let objects = json.arrayValue?.compactMap(\.objectValue) ?? []
    precondition(objects.count == batch.count)
    events += objects
    if batch.gap != nil { gaps += 1 }
    position = batch.position
  }
}

extension SegmentJournal {
  /// Reads all that there is behind a position.
  func readAll(after position: StreamPosition? = nil, limitBytes: Int = 64 << 10) throws -> ReadOutput {
    var output = ReadOutput(position: position)
    while true {
      let batch = try read(after: output.position, limitBytes: limitBytes, filter: nil)
      try output.take(batch)
      if batch.caughtUp { return output }
    }
  }
}
