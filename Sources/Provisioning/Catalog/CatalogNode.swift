internal import Documents
internal import JSON

/// A value of a catalog's file, on its way into the model: each reading tells what was expected where it finds
/// something else.
struct CatalogNode {
  let node: DocumentNode
  let file: String
  let faults: CatalogFaultList

  func fault(_ message: String) { faults.add(file, node.place, message) }

  private func with(_ node: DocumentNode) -> CatalogNode { CatalogNode(node: node, file: file, faults: faults) }

  /// A text, also where YAML takes it for a number: `version: 3.10` is the text `3.10`.
  func text(_ what: String) -> String? {
    guard case .scalar(let scalar) = node.content, scalar.value != .null else {
      fault("expected \(what)")
      return nil
    }
    guard !scalar.text.isEmpty else {
      fault("expected \(what), found empty text")
      return nil
    }
    return scalar.text
  }

  /// A lower-case word that names something: `php-fpm`, `3.13`.
  func name(_ what: String) -> String? {
    guard let text = text(what) else { return nil }
    guard text.isCatalogName else {
      fault("`\(text)` is no \(what): lower-case letters, digits, `.`, `_` and `-`, and a letter or a digit first")
      return nil
    }
    return text
  }

  func flag() -> Bool? {
    guard case .scalar(let scalar) = node.content, case .bool(let flag) = scalar.value else {
      fault("expected `true` or `false`")
      return nil
    }
    return flag
  }

  func list(_ what: String) -> [CatalogNode] {
    guard case .sequence(let nodes) = node.content else {
      fault("expected \(what)")
      return []
    }
    return nodes.map(with)
  }

  /// The members of a mapping whose keys are free.
  func members(_ what: String) -> [(key: CatalogNode, name: String, value: CatalogNode)] {
    guard case .mapping(let members) = node.content else {
      fault("expected \(what)")
      return []
    }
    return members.map { (with(DocumentNode(key: $0)), $0.key, with($0.value)) }
  }

  /// The members of a mapping whose keys are known; another key is a fault.
  func fields(_ what: String, _ known: Set<String>) -> [String: CatalogNode]? {
    guard case .mapping = node.content else {
      fault("expected \(what)")
      return nil
    }
    var fields: [String: CatalogNode] = [:]
    for member in members(what) {
      if known.contains(member.name) {
        fields[member.name] = member.value
      } else {
        member.key.fault("`\(member.name)` is no field of \(what); there are \(known.sorted().quoted)")
      }
    }
    return fields
  }

  func choice<Word: RawRepresentable & CaseIterable>(_: Word.Type) -> Word? where Word.RawValue == String {
    let words = Word.allCases.map(\.rawValue)
    guard let text = text("one of \(words.quoted)") else { return nil }
    guard let word = Word(rawValue: text) else {
      fault("expected one of \(words.quoted), found `\(text)`")
      return nil
    }
    return word
  }
}

/// Takes up what is wrong while files are read.
final class CatalogFaultList {
  /// More are not told: whoever has so many needs the first ones.
  private static let limit = 100

  private(set) var faults: [CatalogFault] = []

  func add(_ file: String, _ place: DocumentPlace, _ message: String) {
    if faults.count < Self.limit { faults.append(CatalogFault(file: file, place: place, message: message)) }
  }
}

extension String {
  var isCatalogName: Bool {
    guard let first = utf8.first, first.isLowerCaseOrDigit, utf8.count <= 64 else { return false }
    return utf8.allSatisfy { $0.isLowerCaseOrDigit || "._-".utf8.contains($0) } && !contains("..")
  }
}

extension UInt8 {
  fileprivate var isLowerCaseOrDigit: Bool { (0x61...0x7A).contains(self) || (0x30...0x39).contains(self) }
}

extension [String] {
  var quoted: String { map { "`\($0)`" }.joined(separator: ", ") }
}
