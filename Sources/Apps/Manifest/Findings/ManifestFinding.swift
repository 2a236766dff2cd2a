package import Documents

/// Something about a manifest that its author should know.
package struct ManifestFinding: Error, Sendable, Hashable {
  package enum Severity: String, Sendable {
    /// The manifest cannot be used.
    case error
    /// It can, but perhaps not as it was meant.
    case warning
  }

  /// What it is, for programs.
  package enum Code: String, Sendable, CaseIterable {
    case syntax, limit, unsupported
    case duplicateKey = "duplicate_key"
    /// A docker-compose file under a manifest's name.
    case composeFile = "compose_file"
    case missing
    case type
    case value
    case unknownKey = "unknown_key"
    /// The same is said in two places.
    case conflict
    case substitution
    /// A name stands for nothing.
    case unknownName = "unknown_name"
    /// Another file of the folder says it too.
    case ignoredFile = "ignored_file"
  }

  package var severity: Severity
  package var code: Code
  /// What is wrong, in words; neither its place nor the suggestion is in it.
  package var message: String
  package var path: ManifestPath
  package var place: DocumentPlace
  /// What was likely meant: a key or a value.
  package var suggestion: String?

  package var line: Int { place.line }
  /// From 1, in Unicode scalars.
  package var column: Int { place.column }
}

extension ManifestFinding {
  /// The finding as a compiler tells it: `file:line:column: error: …`, the source line, and a caret below it.
  ///
  /// - Parameter file: The file's name, as whoever reads this knows it.
  package func rendered(file: String, source: SourceText) -> String {
    let suggestion = suggestion.map { "; did you mean `\($0)`?" } ?? ""
    return "\(file):\(line):\(column): \(severity.rawValue): \(message)\(suggestion)\n\(source.excerpt(at: place))\n"
  }
}

extension [ManifestFinding] {
  package var hasErrors: Bool { contains { $0.severity == .error } }

  /// Each as a compiler tells it, one after the other.
  package func rendered(file: String, source: SourceText) -> String {
    map { $0.rendered(file: file, source: source) }.joined()
  }
}
