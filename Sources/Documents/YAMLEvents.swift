internal import CYaml

/// What the parser of a YAML text meets, in order.
struct YAMLEvent {
  enum Kind {
    case alias(String)
    case scalar(String, isPlain: Bool)
    case sequence
    case mapping
    /// The end of a sequence or a mapping.
    case end
    case documentStart
    case documentEnd
    case streamStart
    case streamEnd
  }

  let kind: Kind
  let anchor: String?
  /// The tag as it is written, with its handle spelled out.
  let tag: String?
  let place: DocumentPlace
}

/// libyaml's parser, event for event.
///
/// It comes with Yams, whose own composer is not used: it hashes whole values to find keys that come twice, which a few
/// aliases make endless, and it gives up at the first one.
final class YAMLEvents {
  /// libyaml keeps the parser's address, so it must not move.
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let bytes: UnsafeBufferPointer<UInt8>

  /// - Parameter bytes: UTF-8; must outlive the object.
  init(_ bytes: UnsafeBufferPointer<UInt8>) throws(DocumentFault) {
    self.bytes = bytes
    parser = .allocate(capacity: 1)
    parser.initialize(to: yaml_parser_t())
    guard yaml_parser_initialize(parser) == 1 else { throw DocumentFault(.limit, "out of memory", .start) }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  func next() throws(DocumentFault) -> YAMLEvent {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { throw fault }
    defer { yaml_event_delete(&event) }
    let place = Self.place(event.start_mark)
    let data = event.data
    func simple(_ kind: YAMLEvent.Kind) -> YAMLEvent { YAMLEvent(kind: kind, anchor: nil, tag: nil, place: place) }
    switch event.type {
    case YAML_ALIAS_EVENT:
      return simple(.alias(Self.text(data.alias.anchor) ?? ""))
    case YAML_SCALAR_EVENT:
      let scalar = data.scalar
      let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      let isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
      return YAMLEvent(
        kind: .scalar(text, isPlain: isPlain), anchor: Self.text(scalar.anchor), tag: Self.text(scalar.tag),
        place: place)
    case YAML_SEQUENCE_START_EVENT:
      let start = data.sequence_start
      return YAMLEvent(
        kind: .sequence, anchor: Self.text(start.anchor), tag: Self.text(start.tag), place: place)
    case YAML_MAPPING_START_EVENT:
      let start = data.mapping_start
      return YAMLEvent(kind: .mapping, anchor: Self.text(start.anchor), tag: Self.text(start.tag), place: place)
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: return simple(.end)
    case YAML_DOCUMENT_START_EVENT: return simple(.documentStart)
    case YAML_DOCUMENT_END_EVENT: return simple(.documentEnd)
    case YAML_STREAM_START_EVENT: return simple(.streamStart)
    default: return simple(.streamEnd)
    }
  }

  private static func text(_ characters: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    characters.map { String(decodingCString: $0, as: UTF8.self) }
  }

  private static func place(_ mark: yaml_mark_t) -> DocumentPlace {
    DocumentPlace(line: mark.line + 1, column: mark.column + 1)
  }

  /// Why the parser stopped.
  private var fault: DocumentFault {
    let problem = parser.pointee.problem.map { String(cString: $0) } ?? "it cannot be read"
    guard parser.pointee.error != YAML_READER_ERROR else {
      var cursor = PlaceCursor()
      let place = cursor.place(at: parser.pointee.problem_offset, in: UnsafeRawBufferPointer(bytes))
      return DocumentFault(.syntax, "not YAML: \(problem)", place)
    }
    if problem.hasPrefix("Maximum nesting level") {
      let message = "more than \(Document.Limit.depth) levels of nesting"
      return DocumentFault(.limit, message, Self.place(parser.pointee.problem_mark))
    }
    // What was never closed is shown where it begins.
    let isAtEnd = parser.pointee.problem_mark.index >= scalarCount && parser.pointee.context != nil
    let place = Self.place(isAtEnd ? parser.pointee.context_mark : parser.pointee.problem_mark)
    if problem.hasPrefix("found character that cannot start any token"), isTab(at: place) {
      return DocumentFault(.syntax, "not YAML: a tab stands where only spaces may indent", place)
    }
    let context = parser.pointee.context.map { " \(String(cString: $0))" } ?? ""
    return DocumentFault(.syntax, "not YAML: \(problem)\(context)", place)
  }

  private var scalarCount: Int { bytes.count { $0 & 0xC0 != 0x80 } }

  private func isTab(at place: DocumentPlace) -> Bool {
    var line = 1
    var column = 1
    for byte in bytes {
      if line == place.line && column == place.column { return byte == UInt8(ascii: "\t") }
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    return false
  }
}
