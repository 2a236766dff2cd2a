/// The members of a JSON object, in the order in which they were written.
///
/// Looking a member up is a linear search: objects on the wire have few members, and each is looked up once.
package struct JSONObject: Sendable {
  package struct Member: Sendable, Hashable {
    package var key: String
    package var value: JSONValue

    package init(key: String, value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  package private(set) var members: [Member]

  package init() {
    members = []
  }

  /// - Parameter members: Where a key comes twice, the last one counts when it is looked up.
  package init(_ members: [Member]) {
    self.members = members
  }

  package var count: Int { members.count }
  package var isEmpty: Bool { members.isEmpty }
  package var keys: some Sequence<String> { members.lazy.map(\.key) }

  /// The member of that name. Setting nil removes it; setting a value keeps the member's place.
  package subscript(key: String) -> JSONValue? {
    get {
      members.last { $0.key == key }?.value
    }
    set {
      let index = members.lastIndex { $0.key == key }
      switch (index, newValue) {
      case (let index?, let value?): members[index].value = value
      case (nil, let value?): members.append(Member(key: key, value: value))
      case (_?, nil): members.removeAll { $0.key == key }
      case (nil, nil): break
      }
    }
  }
}

extension JSONObject: Hashable {
  /// Two objects are equal when they have equal members, in whatever order.
  package static func == (a: JSONObject, b: JSONObject) -> Bool {
    if a.members.elementsEqual(b.members, by: { $0.key == $1.key }) {
      // The last one counts of those with the same key.
      return !a.members.indices.contains { index in
        a.members[index].value != b.members[index].value
          && !a.members[(index + 1)...].contains { $0.key == a.members[index].key }
      }
    }
    let left = Dictionary(a.members.map { ($0.key, $0.value) }) { $1 }
    let right = Dictionary(b.members.map { ($0.key, $0.value) }) { $1 }
    return left == right
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(Set(members.lazy.map(\.key)))
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  package init(dictionaryLiteral elements: (String, JSONValue)...) {
    self.init(elements.map { Member(key: $0.0, value: $0.1) })
  }
}
