internal import Documents
internal import JSON

/// A value of the file, on its way into the model: each reading tells what was expected where it finds something else.
struct ManifestValue {
  let node: DocumentNode
  let path: ManifestPath
  let findings: Findings

  func error(_ code: ManifestFinding.Code, _ message: String, suggestion: String? = nil) {
    findings.error(code, message, path, node.place, suggestion: suggestion)
  }

  func warning(_ code: ManifestFinding.Code, _ message: String) {
    findings.warning(code, message, path, node.place)
  }

  /// What stands there, for people.
  var found: String {
    switch node.content {
    case .sequence: return "a list"
    case .mapping: return "a mapping"
    case .scalar(let scalar):
      let isLong = scalar.text.unicodeScalars.count > 40
      let text = isLong ? String(scalar.text.prefix(40)) + "…" : scalar.text
      switch scalar.value {
      case .null: return "nothing"
      case .bool: return "`\(text)`"
      case .integer, .number: return "the number \(text)"
      default:
        if text.isEmpty { return "empty text" }
        // With its quotes where without them it would be no text.
        let isQuoted = DocumentScalar(text: scalar.text, isPlain: true).value != .string(scalar.text)
        return isQuoted ? "the text `\"\(text)\"`" : "the text `\(text)`"
      }
    }
  }

  func expected(_ what: String, suggestion: String? = nil) {
    error(.type, "expected \(what), found \(found)", suggestion: suggestion)
  }

  var scalar: DocumentScalar? {
    guard case .scalar(let scalar) = node.content else { return nil }
    return scalar
  }

  var isText: Bool { scalar != nil }

  // MARK: Texts

  /// A text. A number or a boolean is taken as it is written: people rarely quote `name: 2048`.
  func text(_ what: String = "text", longest: Int = 65_536) -> String? {
    guard let scalar else {
      expected(what)
      return nil
    }
    guard scalar.text.utf8.count <= longest else {
      error(.value, "expected at most \(longest) bytes of text, found \(scalar.text.utf8.count)")
      return nil
    }
    guard !scalar.text.utf8.contains(0) else {
      error(.value, "a text cannot hold the character NUL")
      return nil
    }
    return scalar.text
  }

  /// A text that is not empty; one that is counts as absent.
  func command() -> String? {
    guard let text = text("a command for the shell") else { return nil }
    return text.utf8.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") } ? nil : text
  }

  /// A name that environment variables can have.
  func environmentName() -> String? {
    guard let name = text("the name of a variable") else { return nil }
    guard name.isEnvironmentName else {
      error(.value, "`\(name)` is no name for a variable: letters, digits and `_`, and no digit first")
      return nil
    }
    return name
  }

  /// One of some words.
  ///
  /// - Parameter isStrict: Whether another word is an error. Otherwise it is doubtful, and left to whom it concerns.
  func choice<Word: RawRepresentable & CaseIterable>(
    _: Word.Type, isStrict: Bool = true
  ) -> Word? where Word.RawValue == String {
    let words = Word.allCases.map(\.rawValue)
    let list = words.map { "`\($0)`" }.joined(separator: ", ")
    guard let scalar else {
      expected("one of \(list)")
      return nil
    }
    if let word = Word(rawValue: scalar.text) { return word }
    findings.add(
      ManifestFinding(
        severity: isStrict ? .error : .warning, code: .value, message: "expected one of \(list), found \(found)",
        path: path, place: node.place, suggestion: LikelyWord.find(for: scalar.text, among: words)))
    return nil
  }

  // MARK: Numbers and booleans

  /// `yes`, `no`, `on` and `off` too, which YAML 1.1 has for booleans.
  func flag() -> Bool? {
    if let scalar, scalar.isPlain {
      switch scalar.text.lowercased() {
      case "true", "yes", "on": return true
      case "false", "no", "off": return false
      default: break
      }
    }
    expected("`true` or `false`")
    return nil
  }

  func integer(_ what: String, in range: ClosedRange<Int>) -> Int? {
    guard let scalar, case .integer(let integer) = scalar.value else {
      // A number in quotes is what was meant, without them.
      let number = scalar.flatMap { $0.isPlain ? nil : Int($0.text) }
      expected(what, suggestion: number.map(String.init))
      return nil
    }
    guard range.contains(integer) else {
      let bounds =
        range.upperBound == .max ? "at least \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
      error(.value, "expected \(what) (\(bounds)), found \(integer)")
      return nil
    }
    return integer
  }

  func number(_ what: String, in range: ClosedRange<Double>) -> Double? {
    let value: Double
    switch scalar?.value {
    case .integer(let integer): value = Double(integer)
    case .number(let number): value = number
    default:
      expected(what, suggestion: scalar.flatMap { Self.leadingNumber($0.text) })
      return nil
    }
    guard range.contains(value) else {
      error(.value, "expected \(what) (\(range.lowerBound.short) to \(range.upperBound.short)), found \(value.short)")
      return nil
    }
    return value
  }

  /// A time in seconds, at most thirty days.
  func seconds(least: Double = 0.001) -> Double? {
    number("a number of seconds", in: least...2_592_000)
  }

  /// The number of `30s`, which is a time elsewhere.
  private static func leadingNumber(_ text: String) -> String? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit = text.dropFirst(digits.count)
    return !digits.isEmpty && digits.count < 9 && (unit.isEmpty || unit == "s") ? String(digits) : nil
  }

  // MARK: Lists and mappings

  func list(_ what: String) -> [ManifestValue]? {
    guard case .sequence(let nodes) = node.content else {
      expected(what)
      return nil
    }
    return nodes.enumerated().map { ManifestValue(node: $1, path: path.index($0), findings: findings) }
  }

  /// A list of texts; elements that are none are told and left out.
  func texts(_ what: String) -> [String] {
    (list(what) ?? []).compactMap { $0.text() }
  }

  /// The members of a mapping whose keys are the author's own names.
  func members(_ what: String) -> [(key: String, keyValue: ManifestValue, value: ManifestValue)]? {
    guard case .mapping(let members) = node.content else {
      expected(what)
      return nil
    }
    return members.map { member in
      let path = path.key(member.key)
      // The key as a value: for telling that a name is none.
      let key = DocumentNode(key: member)
      return (
        member.key, ManifestValue(node: key, path: path, findings: findings),
        ManifestValue(node: member.value, path: path, findings: findings)
      )
    }
  }

  /// The mapping as fields of a section.
  func fields(_ section: String, _ what: String) -> ManifestFields? {
    guard case .mapping(let members) = node.content else {
      expected(what)
      return nil
    }
    return ManifestFields(section, members, path, node.place, findings)
  }
}

extension String {
  var isEnvironmentName: Bool {
    guard let first = utf8.first, !(0x30...0x39).contains(first) else { return false }
    return utf8.count <= 256 && utf8.allSatisfy(\.isWordByte)
  }
}

extension Double {
  /// Without a fraction where it has none.
  fileprivate var short: String {
    self == rounded() && magnitude < 1e15 ? String(Int(self)) : String(self)
  }
}
