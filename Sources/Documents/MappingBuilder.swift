/// Puts a mapping together, and finds keys that come twice.
struct MappingBuilder {
  private(set) var members: [DocumentMember] = []
  private var lines: [String: Int] = [:]

  mutating func add(_ member: DocumentMember, _ faults: inout [DocumentFault]) {
    if let line = lines[member.key] {
      let message = "the key `\(member.key)` is given twice; the first is in line \(line)"
      return faults.append(DocumentFault(.duplicateKey, message, member.place))
    }
    lines[member.key] = member.place.line
    members.append(member)
  }

  /// Adds the members of a mapping that is merged in; those that are there already stay.
  mutating func merge(_ others: [DocumentMember]) {
    for member in others where lines[member.key] == nil {
      lines[member.key] = member.place.line
      members.append(member)
    }
  }
}
