internal import Documents

/// Takes up what is found while a manifest is read.
final class Findings {
  /// More are not told: whoever has so many needs the first ones.
  private static let limit = 200

  private var found: [ManifestFinding] = []
  private(set) var hasErrors = false
  /// The keys that were asked for, by the section of the file that they belong to.
  private(set) var vocabulary: [String: Set<String>] = [:]

  /// Whether no more are taken up.
  var isFull: Bool { found.count >= Self.limit }

  /// In the order of the text.
  var sorted: [ManifestFinding] {
    let ordered = found.enumerated().sorted { ($0.element.place, $0.offset) < ($1.element.place, $1.offset) }
    return ordered.map(\.element)
  }

  func add(_ finding: ManifestFinding) {
    if finding.severity == .error { hasErrors = true }
    if !isFull { found.append(finding) }
  }

  func error(
    _ code: ManifestFinding.Code, _ message: String, _ path: ManifestPath, _ place: DocumentPlace,
    suggestion: String? = nil
  ) {
    add(
      ManifestFinding(
        severity: .error, code: code, message: message, path: path, place: place, suggestion: suggestion))
  }

  func warning(
    _ code: ManifestFinding.Code, _ message: String, _ path: ManifestPath, _ place: DocumentPlace,
    suggestion: String? = nil
  ) {
    add(
      ManifestFinding(
        severity: .warning, code: code, message: message, path: path, place: place, suggestion: suggestion))
  }

  func know(_ key: String, in section: String) {
    vocabulary[section, default: []].insert(key)
  }
}
