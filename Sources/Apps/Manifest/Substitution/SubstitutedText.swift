package import Documents

/// Text in which `${…}` stands for values of the app's environment.
///
/// | written | value |
/// | --- | --- |
/// | `${NAME}` | the variable's value; where there is none, that is an error |
/// | `${NAME:-default}` | its value, else `default`, which ends at the next `}` and is taken as it is |
/// | `${NAME:?message}` | its value, else an error with that message |
/// | `$$` | `$` |
///
/// A variable that is set to empty text counts as absent in the second and third form, as in a shell. A value is put in
/// as it is, and not looked at again. What is not in this table is text.
package struct SubstitutedText: Sendable, Hashable {
  package enum Part: Sendable, Hashable {
    case text(String)
    case reference(Reference)
  }

  package struct Reference: Sendable, Hashable {
    package enum Absence: Sendable, Hashable {
      case error
      case fallback(String)
      case message(String)
    }

    package let name: String
    package let absence: Absence
    /// Where the `${` stands in the file.
    package let place: DocumentPlace
  }

  package let parts: [Part]
  let path: ManifestPath

  init(_ parts: [Part], path: ManifestPath) {
    self.parts = parts
    self.path = path
  }

  /// Text in which nothing is replaced.
  package init(literal: String) {
    self.init([.text(literal)], path: ManifestPath())
  }

  package var references: [Reference] {
    parts.compactMap { part in
      guard case .reference(let reference) = part else { return nil }
      return reference
    }
  }

  /// The text; nil where something in it is to be replaced.
  package var literal: String? {
    var text = ""
    for part in parts {
      guard case .text(let piece) = part else { return nil }
      text += piece
    }
    return text
  }
}
