package import JSON
import Platform
import Streams

/// What a held program writes, line by line, each once over any number of servers.
///
/// Where a reader stands is two places, one for standard output and one for standard error: behind all whole lines of
/// the one may lie the beginning of a line of the other. A reader that begins at places that were kept goes on exactly
/// behind them.
///
/// Not for several tasks at once.
package struct HeldOutput {
  package enum Source: Sendable, Hashable {
    case output, error
  }

  package struct Line {
    package let source: Source
    /// Without its end. Good until the call returns.
    package let text: UnsafeRawBufferPointer
    /// Whether the rest of the line was left out, since it is longer than any line may be.
    package let isCut: Bool
  }

  /// How far a reader has come in each source.
  package struct Places: Sendable, Hashable {
    var output: StreamPosition
    var error: StreamPosition

    /// The lowest segment that is still needed.
    package var segment: UInt64 { min(output, error).high }
  }

  /// A line whose end has not been seen.
  private struct Open {
    /// Behind the lines before it.
    let place: StreamPosition
    var text: [UInt8]
    var isCut: Bool
  }

  private let folder: SegmentFolder
  private let done: Places
  private var scanned: StreamPosition
  private var openOutput: Open?
  private var openError: Open?
  private let maximumLineBytes: Int
  /// At about what size a segment has a next one: up to half of it, nobody looks for one.
  private let segmentBytes: Int
  /// The segment at hand, while it is read.
  private var current: (number: UInt64, descriptor: OwnedDescriptor)?

  /// - Parameters:
  ///   - folder: The folder of the segments.
  ///   - places: Where to go on; nil for the beginning.
  ///   - segmentBytes: At what size the next segment is begun.
  init(folder: String, after places: Places?, segmentBytes: Int, maximumLineBytes: Int = 64 << 20) {
    self.segmentBytes = segmentBytes
    self.folder = SegmentFolder(path: folder)
    self.maximumLineBytes = maximumLineBytes
    let beginning = StreamPosition(high: SegmentFolder.first, low: 0)
    done = places ?? Places(output: beginning, error: beginning)
    scanned = min(done.output, done.error)
  }

  /// Behind the last whole line of each source.
  package var places: Places {
    Places(
      output: max(openOutput?.place ?? scanned, done.output), error: max(openError?.place ?? scanned, done.error))
  }

  /// Shows the lines that have become whole.
  ///
  /// - Parameters:
  ///   - wantedBytes: About how much to look at.
  ///   - isFinal: Whether nothing will be written any more, so that what has no end is a line too.
  /// - Returns: Whether everything that is there has been looked at.
  package mutating func read(
    wantedBytes: Int, isFinal: Bool = false, _ body: (Line) throws -> Void
  ) throws -> Bool {
    var seen = 0
    while true {
      guard let descriptor = try segment() else {
        guard let next = try folder.segments().first(where: { $0 > scanned.high }) else {
          if isFinal { try finish(body) }
          return true
        }
        scanned = StreamPosition(high: next, low: 0)
        continue
      }
      // Looked at before the reading: a segment that has a next one grows no more.
      let mayHaveNext = scanned.low >= segmentBytes / 2
      let hasNext = mayHaveNext && folder.exists(scanned.high + 1)
      var failure: (any Error)?
      let lines = LogLines(descriptor: descriptor, isFinal: hasNext || isFinal)
      let outcome = try lines.forEach(from: scanned.low) { line, end in
        seen += line.count
        do {
          try take(line, end: StreamPosition(high: scanned.high, low: end), body)
        } catch {
          failure = error
        }
        return failure == nil
      }
      if let failure { throw failure }
      if outcome == .end {
        if hasNext {
          scanned = StreamPosition(high: scanned.high + 1, low: 0)
        } else if mayHaveNext || scanned.low < segmentBytes / 2 {
          if isFinal { try finish(body) }
          return true
        }
      }
      if seen >= wantedBytes { return false }
    }
  }

  private mutating func segment() throws(SystemError) -> OwnedDescriptor? {
    if let current, current.number == scanned.high { return current.descriptor }
    current = try folder.open(scanned.high).map { (scanned.high, $0) }
    return current?.descriptor
  }

  private mutating func take(
    _ bytes: UnsafeRawBufferPointer, end: StreamPosition, _ body: (Line) throws -> Void
  ) throws {
    let before = scanned
    scanned = end
    // What is no line of a shim was put there by somebody else.
    guard let line = SegmentLine(bytes) else { return }
    let source = line.isError ? Source.error : .output
    guard end > (line.isError ? done.error : done.output) else { return }
    var open = line.isError ? openError : openOutput
    if open == nil, line.isWhole {
      return try body(Line(source: source, text: line.text, isCut: false))
    }
    // Taken out while it grows, so that it is not copied.
    if line.isError { openError = nil } else { openOutput = nil }
    if open == nil { open = Open(place: before, text: [], isCut: false) }
    if let count = open?.text.count, count + line.text.count <= maximumLineBytes {
      open?.text.append(contentsOf: line.text)
    } else {
      open?.isCut = true
    }
    if line.isWhole, let open {
      return try open.text.withUnsafeBytes { try body(Line(source: source, text: $0, isCut: open.isCut)) }
    }
    if line.isError { openError = open } else { openOutput = open }
  }

  /// Shows lines without an end as they are.
  private mutating func finish(_ body: (Line) throws -> Void) throws {
    for (source, open) in [(Source.output, openOutput), (.error, openError)] {
      guard let open else { continue }
      try open.text.withUnsafeBytes { try body(Line(source: source, text: $0, isCut: open.isCut)) }
    }
    (openOutput, openError) = (nil, nil)
  }
}

extension HeldOutput.Places: JSONEncodable, JSONDecodable {
  package init?(_ json: JSONValue, decoding: inout Decoding) {
    let numbers = json.arrayValue?.compactMap(\.intValue) ?? []
    guard numbers.count == 4, numbers.allSatisfy({ $0 >= 0 }) else {
      decoding.mismatch(json, "four numbers")
      return nil
    }
    output = StreamPosition(high: UInt64(numbers[0]), low: UInt64(numbers[1]))
    error = StreamPosition(high: UInt64(numbers[2]), low: UInt64(numbers[3]))
  }

  package func encode(into writer: inout JSONWriter) {
    writer.beginArray()
    for number in [output.high, output.low, error.high, error.low] { writer.integer(Int(number)) }
    writer.endArray()
  }
}
