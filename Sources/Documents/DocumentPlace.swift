/// A place in a text.
package struct DocumentPlace: Sendable, Hashable, Comparable {
  /// From 1.
  package var line: Int
  /// From 1, in Unicode scalars.
  package var column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  package static let start = DocumentPlace(line: 1, column: 1)

  package static func < (left: DocumentPlace, right: DocumentPlace) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// What is wrong with a document, whatever it is about: its syntax, its size, a key that comes twice.
package struct DocumentFault: Error, Sendable, Hashable {
  package enum Code: String, Sendable {
    /// The text is not YAML or not JSON.
    case syntax
    /// A mapping has the same key twice. The first one counts.
    case duplicateKey
    /// The document is larger, deeper or fuller than is allowed.
    case limit
    /// YAML that means nothing here: a second document, a key that is no text, a tag of somebody's own.
    case unsupported
  }

  package var code: Code
  /// What is wrong, in words.
  package var message: String
  package var place: DocumentPlace

  init(_ code: Code, _ message: String, _ place: DocumentPlace) {
    self.code = code
    self.message = message
    self.place = place
  }
}
