internal import Documents

/// The fields of one mapping of the file. What nobody has asked for when it is closed is unknown.
final class ManifestFields {
  let path: ManifestPath
  let place: DocumentPlace
  let findings: Findings
  /// The name of what the mapping is, the same wherever such a one stands.
  private let section: String
  private let members: [DocumentMember]
  private var asked: Set<String> = []

  init(
    _ section: String, _ members: [DocumentMember], _ path: ManifestPath, _ place: DocumentPlace, _ findings: Findings
  ) {
    self.section = section
    self.members = members
    self.path = path
    self.place = place
    self.findings = findings
  }

  /// The value of a field; nil where it is not there, or nothing.
  subscript(key: String) -> ManifestValue? {
    asked.insert(key)
    findings.know(key, in: section)
    guard let member = members.first(where: { $0.key == key }), !member.value.isNull else { return nil }
    return ManifestValue(node: member.value, path: path.key(key), findings: findings)
  }

  /// Where the key of a field stands.
  func keyPlace(_ key: String) -> DocumentPlace {
    members.first { $0.key == key }?.place ?? place
  }

  var keys: [String] { members.map(\.key) }

  func missing(_ key: String, _ message: String) {
    findings.error(.missing, message, path.key(key), place)
  }

  /// Warns of every field that was not asked for. Those that begin with `x-` belong to others.
  ///
  /// - Parameter elsewhere: What to say of a field that belongs in another place; nil where it does not.
  func close(elsewhere: (String) -> String? = { _ in nil }) {
    for member in members where !findings.isFull && !asked.contains(member.key) && !member.key.hasPrefix("x-") {
      let path = path.key(member.key)
      if let message = elsewhere(member.key) {
        findings.warning(.unknownKey, message, path, member.place)
      } else {
        let likely = LikelyWord.find(for: member.key, among: asked.sorted())
        let shown = member.key.unicodeScalars.count > 60 ? String(member.key.prefix(60)) + "…" : member.key
        findings.warning(.unknownKey, "`\(shown)` is no field known here", path, member.place, suggestion: likely)
      }
    }
  }
}
