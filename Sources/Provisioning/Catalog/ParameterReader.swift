internal import Documents

/// Reads the values of parameters.
///
/// Whatever they hold, they reach a script quoted (`ShellWord`). What is checked here is that none is taken for an
/// option by the program that gets it, or for more than one line of a record.
enum ParameterReader {
  private static let longest = 2_000

  static func value(_ kind: ProviderParameter.Kind, _ node: CatalogNode, mayBeEmpty: Bool = false) -> ParameterValue? {
    if kind.isList {
      let nodes = node.list("a list")
      let values = nodes.compactMap { text(kind, $0) }
      return values.count == nodes.count ? .list(values) : nil
    }
    if mayBeEmpty, case .scalar(let scalar) = node.node.content, scalar.text.isEmpty { return .text("") }
    return text(kind, node).map { .text($0) }
  }

  private static func text(_ kind: ProviderParameter.Kind, _ node: CatalogNode) -> String? {
    guard let text = node.text("text") else { return nil }
    guard let fault = fault(kind, text) else { return text }
    node.fault(fault)
    return nil
  }

  private static func fault(_ kind: ProviderParameter.Kind, _ text: String) -> String? {
    guard text.utf8.count <= longest else { return "expected at most \(longest) bytes" }
    let mayBreak = kind == .lines
    guard text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control || mayBreak && $0 == "\n" }) else {
      return mayBreak ? "a text cannot hold control characters" : "a text of one line cannot hold control characters"
    }
    switch kind {
    case .lines, .text, .texts: return nil
    case .word, .words:
      return isWord(text)
        ? nil : "`\(text)` is no plain word: a letter, a digit, `@` or `_` first, then also `.+~:/=^[]-`"
    case .path, .paths:
      return isPath(text) ? nil : "`\(text)` is no absolute path without `.` and `..`"
    case .url:
      return text.hasPrefix("https://") && !text.contains(" ")
        ? nil : "`\(text)` is no address that begins with https://"
    case .sha256:
      let isDigest = text.utf8.count == 64 && text.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
      return isDigest ? nil : "`\(text)` is no SHA-256: 64 lower-case hexadecimal digits"
    }
  }

  private static func isWord(_ text: String) -> Bool {
    guard let first = text.utf8.first, first.isAlphanumeric || "@_".utf8.contains(first) else { return false }
    return text.utf8.allSatisfy { $0.isAlphanumeric || "@_.+~:/=^[]-".utf8.contains($0) }
  }

  private static func isPath(_ text: String) -> Bool {
    guard text.hasPrefix("/"), text.count > 1 else { return false }
    let names = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    return names.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
  }
}

extension UInt8 {
  fileprivate var isAlphanumeric: Bool {
    (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
  }
}
