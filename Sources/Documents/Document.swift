/// A document that people write, in YAML or JSON, with the place of every value.
///
/// A document that is faulty in small (a key twice, a tag of its own) is read all the same, so that whoever reads it can
/// tell all faults at once.
package struct Document: Sendable {
  package enum Format: Sendable {
    case yaml
    /// JSON as RFC 8259 has it. (YAML's parser would take it for the most part, but not each of its escapes.)
    case json
  }

  /// What none that is meant well comes near. Aliases make a small text a large document.
  package enum Limit {
    package static let bytes = 1 << 20
    package static let values = 20_000
    package static let depth = 64
  }

  package let source: SourceText
  /// The value; nil where the document is empty or could not be read.
  package let root: DocumentNode?
  /// What is wrong with it, in the order of the text.
  package let faults: [DocumentFault]

  package init(_ bytes: [UInt8], format: Format) {
    let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let bytes = bytes.starts(with: byteOrderMark) ? Array(bytes.dropFirst(3)) : bytes
    source = SourceText(bytes.count <= Limit.bytes ? bytes : [])
    var found: [DocumentFault] = []
    root = Self.read(bytes, format, &found)
    faults = found.sorted { $0.place < $1.place }
  }

  private static func read(_ bytes: [UInt8], _ format: Format, _ faults: inout [DocumentFault]) -> DocumentNode? {
    do throws(DocumentFault) {
      try check(bytes)
      switch format {
      case .yaml: return try YAMLComposer.compose(bytes, &faults)
      case .json: return try JSONComposer.compose(bytes, &faults)
      }
    } catch {
      faults.append(error)
      return nil
    }
  }

  private static func check(_ bytes: [UInt8]) throws(DocumentFault) {
    guard bytes.count <= Limit.bytes else {
      throw DocumentFault(.limit, "the file is larger than \(Limit.bytes) bytes", .start)
    }
    if String(validating: bytes, as: UTF8.self) == nil {
      // Decoding puts U+FFFD where the first fault is; before it, nothing changes.
      let decoded = Array(String(decoding: bytes, as: UTF8.self).utf8)
      let offset = zip(bytes, decoded).prefix { $0 == $1 }.count
      var cursor = PlaceCursor()
      let place = bytes.withUnsafeBytes { cursor.place(at: offset, in: $0) }
      throw DocumentFault(.syntax, "the text is not valid UTF-8", place)
    }
  }
}
