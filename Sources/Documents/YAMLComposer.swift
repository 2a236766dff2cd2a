/// Puts the events of a YAML text together into nodes.
struct YAMLComposer {
  private let events: YAMLEvents
  private var anchors: [String: DocumentNode] = [:]
  private var values = 0
  private var faults: [DocumentFault] = []

  static func compose(_ bytes: [UInt8], _ faults: inout [DocumentFault]) throws(DocumentFault) -> DocumentNode? {
    try bytes.withUnsafeBufferPointer { (buffer) throws(DocumentFault) in
      var composer = YAMLComposer(events: try YAMLEvents(buffer))
      defer { faults += composer.faults }
      return try composer.document()
    }
  }

  private init(events: YAMLEvents) {
    self.events = events
  }

  private mutating func document() throws(DocumentFault) -> DocumentNode? {
    _ = try events.next()
    guard case .documentStart = try events.next().kind else { return nil }
    let root = try node(try events.next(), depth: 0)
    _ = try events.next()
    let next = try events.next()
    if case .documentStart = next.kind {
      faults.append(
        DocumentFault(.unsupported, "a second document begins here; the file must hold one only", next.place))
    }
    return root
  }

  private mutating func node(_ event: YAMLEvent, depth: Int) throws(DocumentFault) -> DocumentNode {
    try count(1, at: event.place)
    guard depth < Document.Limit.depth else {
      throw DocumentFault(.limit, "more than \(Document.Limit.depth) levels of nesting", event.place)
    }
    let node: DocumentNode
    switch event.kind {
    case .alias(let name): return try alias(name, at: event.place, depth: depth)
    case .scalar(let text, let isPlain):
      node = DocumentNode(scalar: scalar(text, isPlain: isPlain, event), event.place)
    case .sequence:
      check(tag: event.tag, "seq", at: event.place)
      node = DocumentNode(sequence: try elements(depth: depth), event.place)
    default:
      check(tag: event.tag, "map", at: event.place)
      node = DocumentNode(mapping: try members(depth: depth), event.place)
    }
    // Registered only now: a value that holds an alias of itself has none yet.
    if let anchor = event.anchor { anchors[anchor] = node }
    return node
  }

  private mutating func alias(_ name: String, at place: DocumentPlace, depth: Int) throws(DocumentFault) -> DocumentNode
  {
    guard let node = anchors[name] else {
      throw DocumentFault(.syntax, "the alias `*\(name)` stands for nothing that is whole before it", place)
    }
    try count(node.count - 1, at: place)
    guard depth + node.height <= Document.Limit.depth else {
      throw DocumentFault(.limit, "more than \(Document.Limit.depth) levels of nesting", place)
    }
    return node
  }

  private mutating func count(_ more: Int, at place: DocumentPlace) throws(DocumentFault) {
    values += more
    guard values <= Document.Limit.values else {
      let message = "the document holds more than \(Document.Limit.values) values, counting what aliases stand for"
      throw DocumentFault(.limit, message, place)
    }
  }

  private mutating func elements(depth: Int) throws(DocumentFault) -> [DocumentNode] {
    var elements: [DocumentNode] = []
    while true {
      let event = try events.next()
      if case .end = event.kind { return elements }
      elements.append(try node(event, depth: depth + 1))
    }
  }

  private mutating func members(depth: Int) throws(DocumentFault) -> [DocumentMember] {
    var mapping = MappingBuilder()
    var merged: [DocumentNode] = []
    while true {
      let event = try events.next()
      if case .end = event.kind { break }
      let key = try node(event, depth: depth + 1)
      let value = try node(try events.next(), depth: depth + 1)
      guard case .scalar(let scalar) = key.content else {
        faults.append(DocumentFault(.unsupported, "a key must be text", event.place))
        continue
      }
      if scalar.isPlain && scalar.text == "<<" {
        merged.append(value)
      } else {
        mapping.add(DocumentMember(key: scalar.text, place: event.place, value: value), &faults)
      }
    }
    for node in merged { merge(node, into: &mapping) }
    return mapping.members
  }

  /// `<<`: a mapping, or a list of some, whose members count where the mapping itself has none of that name.
  private mutating func merge(_ node: DocumentNode, into mapping: inout MappingBuilder) {
    switch node.content {
    case .mapping(let members): mapping.merge(members)
    case .sequence(let nodes) where nodes.allSatisfy(\.isMapping): for node in nodes { merge(node, into: &mapping) }
    default:
      faults.append(DocumentFault(.unsupported, "`<<` takes a mapping or a list of mappings", node.place))
    }
  }

  // MARK: Tags

  private static let standard = "tag:yaml.org,2002:"

  private mutating func scalar(_ text: String, isPlain: Bool, _ event: YAMLEvent) -> DocumentScalar {
    guard let tag = event.tag else { return DocumentScalar(text: text, isPlain: isPlain) }
    switch tag {
    case "!", Self.standard + "str": return DocumentScalar(text: text, isPlain: false)
    case Self.standard + "null", Self.standard + "bool", Self.standard + "int", Self.standard + "float":
      return DocumentScalar(text: text, isPlain: true)
    default:
      refuse(tag: tag, at: event.place)
      return DocumentScalar(text: text, isPlain: isPlain)
    }
  }

  private mutating func check(tag: String?, _ expected: String, at place: DocumentPlace) {
    guard let tag, tag != "!", tag != Self.standard + expected else { return }
    refuse(tag: tag, at: place)
  }

  private mutating func refuse(tag: String, at place: DocumentPlace) {
    let name = tag.hasPrefix(Self.standard) ? "!!" + tag.dropFirst(Self.standard.count) : tag
    faults.append(DocumentFault(.unsupported, "the tag `\(name)` means nothing here", place))
  }
}

extension DocumentNode {
  fileprivate var isMapping: Bool {
    if case .mapping = content { true } else { false }
  }
}
