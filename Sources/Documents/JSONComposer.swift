internal import JSON

/// Reads JSON into nodes.
struct JSONComposer {
  private var scanner: JSONScanner
  private var cursor = PlaceCursor()
  private var values = 0
  private var faults: [DocumentFault] = []

  static func compose(_ bytes: [UInt8], _ faults: inout [DocumentFault]) throws(DocumentFault) -> DocumentNode? {
    try bytes.withUnsafeBufferPointer { (buffer) throws(DocumentFault) in
      var composer = JSONComposer(scanner: JSONScanner(UnsafeRawBufferPointer(buffer)))
      defer { faults += composer.faults }
      return try composer.document()
    }
  }

  private init(scanner: JSONScanner) {
    self.scanner = scanner
  }

  private mutating func document() throws(DocumentFault) -> DocumentNode? {
    scanner.skipWhitespace()
    if scanner.isAtEnd { return nil }
    do {
      let node = try value(depth: 0)
      scanner.skipWhitespace()
      guard scanner.isAtEnd else { throw scanner.fault("more text after the end of the value") }
      return node
    } catch let error as JSONSyntaxError {
      throw DocumentFault(.syntax, "not JSON: \(error.message)", place(error.offset))
    } catch let error as DocumentFault {
      throw error
    } catch {
      throw DocumentFault(.syntax, "not JSON: \(error)", place(scanner.position))
    }
  }

  private mutating func place(_ offset: Int) -> DocumentPlace {
    cursor.place(at: offset, in: scanner.bytes)
  }

  private mutating func value(depth: Int) throws -> DocumentNode {
    scanner.skipWhitespace()
    let start = scanner.position
    let place = place(start)
    values += 1
    guard values <= Document.Limit.values else {
      throw DocumentFault(.limit, "the document holds more than \(Document.Limit.values) values", place)
    }
    guard depth < Document.Limit.depth else {
      throw DocumentFault(.limit, "more than \(Document.Limit.depth) levels of nesting", place)
    }
    switch scanner.current {
    case UInt8(ascii: "{"): return DocumentNode(mapping: try members(depth: depth), place)
    case UInt8(ascii: "["):
      var elements: [DocumentNode] = []
      var more = try scanner.enterArray(depth: depth)
      while more {
        elements.append(try value(depth: depth + 1))
        more = try scanner.nextElement()
      }
      return DocumentNode(sequence: elements, place)
    case UInt8(ascii: "\""):
      let text = scanner.text(try scanner.skipString())
      return DocumentNode(scalar: DocumentScalar(text: text, isPlain: false), place)
    default:
      try scanner.skipValue()
      let text = String(decoding: scanner.bytes[start..<scanner.position], as: UTF8.self)
      return DocumentNode(scalar: DocumentScalar(text: text, isPlain: true), place)
    }
  }

  private mutating func members(depth: Int) throws -> [DocumentMember] {
    var mapping = MappingBuilder()
    var more = try scanner.enterObject(depth: depth)
    while more {
      scanner.skipWhitespace()
      let place = place(scanner.position)
      let key = scanner.text(try scanner.skipKey())
      mapping.add(DocumentMember(key: key, place: place, value: try value(depth: depth + 1)), &faults)
      more = try scanner.nextMember()
    }
    return mapping.members
  }
}
