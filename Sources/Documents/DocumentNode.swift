package import JSON

/// A value of a document, with its place.
package struct DocumentNode: Sendable {
  package enum Content: Sendable {
    case scalar(DocumentScalar)
    case sequence([DocumentNode])
    /// The members in the order in which they were written; no key comes twice.
    case mapping([DocumentMember])
  }

  package let content: Content
  /// Where the value begins. What an alias stands for is where its anchor is.
  package let place: DocumentPlace
  /// How many values it holds, itself included; what aliases stand for counts each time.
  let count: Int
  /// How many levels of sequences and mappings it has.
  let height: Int

  init(scalar: DocumentScalar, _ place: DocumentPlace) {
    content = .scalar(scalar)
    self.place = place
    count = 1
    height = 0
  }

  init(sequence: [DocumentNode], _ place: DocumentPlace) {
    content = .sequence(sequence)
    self.place = place
    count = sequence.reduce(1) { $0 + $1.count }
    height = 1 + (sequence.lazy.map(\.height).max() ?? 0)
  }

  init(mapping: [DocumentMember], _ place: DocumentPlace) {
    content = .mapping(mapping)
    self.place = place
    count = mapping.reduce(1) { $0 + $1.value.count }
    height = 1 + (mapping.lazy.map(\.value.height).max() ?? 0)
  }

  /// Whether it is nothing: `null`, `~`, or a key without a value.
  package var isNull: Bool {
    guard case .scalar(let scalar) = content else { return false }
    return scalar.value == .null
  }

  /// The value without its places, of the type that YAML's core schema gives it.
  package var jsonValue: JSONValue {
    switch content {
    case .scalar(let scalar): scalar.value
    case .sequence(let elements): .array(elements.map(\.jsonValue))
    case .mapping(let members):
      .object(JSONObject(members.map { JSONObject.Member(key: $0.key, value: $0.value.jsonValue) }))
    }
  }
}

/// A member of a mapping.
package struct DocumentMember: Sendable {
  package let key: String
  /// Where the key begins.
  package let place: DocumentPlace
  package let value: DocumentNode
}

extension DocumentNode {
  /// The key of a member as a text of its own.
  package init(key member: DocumentMember) {
    self.init(scalar: DocumentScalar(text: member.key, isPlain: false), member.place)
  }
}
