/// A part of a pattern.
indirect enum PatternNode {
  case set(ScalarSet)
  case start
  case end
  case sequence([PatternNode])
  case choice([PatternNode])
  case repeated(PatternNode, least: Int, most: Int?)
}

/// Reads the text of a `LinearPattern`.
struct PatternParser {
  private let text: [Unicode.Scalar]
  private var position = 0
  private var depth = 0

  /// How deep groups may be nested: each level is a level of recursion.
  private static let maximumDepth = 100
  private static let maximumRepetitions = 1000

  init(_ pattern: String) {
    text = Array(pattern.unicodeScalars)
  }

  mutating func parse() throws(LinearPattern.SyntaxError) -> PatternNode {
    let node = try alternatives()
    if peek() != nil { throw fault("`)` closes no group") }
    return node
  }

  private func peek() -> Unicode.Scalar? { position < text.count ? text[position] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek() == scalar else { return false }
    position += 1
    return true
  }

  private func fault(_ message: String) -> LinearPattern.SyntaxError {
    LinearPattern.SyntaxError(message: message, offset: position)
  }

  private mutating func alternatives() throws(LinearPattern.SyntaxError) -> PatternNode {
    var nodes = [try sequence()]
    while take("|") { nodes.append(try sequence()) }
    return nodes.count == 1 ? nodes[0] : .choice(nodes)
  }

  private mutating func sequence() throws(LinearPattern.SyntaxError) -> PatternNode {
    var nodes: [PatternNode] = []
    while let scalar = peek(), scalar != "|", scalar != ")" { nodes.append(try repetition(of: try atom())) }
    return .sequence(nodes)
  }

  private mutating func atom() throws(LinearPattern.SyntaxError) -> PatternNode {
    guard let scalar = peek() else { throw fault("something is missing at its end") }
    switch scalar {
    case "*", "+", "?": throw fault("`\(scalar)` repeats nothing; write `\\\(scalar)` for the character itself")
    case "(": return try group()
    case "[": return .set(try characterClass())
    default: position += 1
    }
    switch scalar {
    case ".": return .set(.any)
    case "^": return .start
    case "$": return .end
    case "\\": return .set(try escape())
    default: return .set(ScalarSet(ranges: [scalar...scalar]))
    }
  }

  private mutating func group() throws(LinearPattern.SyntaxError) -> PatternNode {
    position += 1
    if take("?"), !take(":") { throw fault("look-around and named groups are not supported") }
    depth += 1
    defer { depth -= 1 }
    if depth > Self.maximumDepth { throw fault("its groups are nested too deep") }
    let node = try alternatives()
    guard take(")") else { throw fault("a group is not closed") }
    return node
  }

  private mutating func repetition(of node: PatternNode) throws(LinearPattern.SyntaxError) -> PatternNode {
    guard let (least, most) = try repeatCount() else { return node }
    // Greedy or not makes no difference to whether the whole matches.
    _ = take("?")
    if let next = peek(), next == "*" || next == "+" || next == "?" { throw fault("`\(next)` repeats a repetition") }
    return .repeated(node, least: least, most: most)
  }

  private mutating func repeatCount() throws(LinearPattern.SyntaxError) -> (Int, Int?)? {
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    let start = position
    guard take("{"), let least = number() else {
      position = start
      return nil
    }
    var most: Int? = least
    if take(",") { most = number() }
    // A brace that opens no count stands for itself, as in ECMAScript.
    guard take("}") else {
      position = start
      return nil
    }
    if let most, most < least { throw fault("the count ends before it begins") }
    if max(least, most ?? 0) > Self.maximumRepetitions { throw fault("the count is over \(Self.maximumRepetitions)") }
    return (least, most)
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let scalar = peek(), ("0"..."9").contains(scalar) {
      value = min((value ?? 0) * 10 + Int(scalar.value - 48), 1_000_000)
      position += 1
    }
    return value
  }

  /// What stands behind a backslash.
  private mutating func escape() throws(LinearPattern.SyntaxError) -> ScalarSet {
    guard let scalar = peek() else { throw fault("nothing follows the last backslash") }
    position += 1
    switch scalar {
    case "d": return .digits
    case "D": return .digits.inverted
    case "w": return .words
    case "W": return .words.inverted
    case "s": return .spaces
    case "S": return .spaces.inverted
    case "t": return ScalarSet(ranges: ["\t"..."\t"])
    case "n": return ScalarSet(ranges: ["\n"..."\n"])
    case "r": return ScalarSet(ranges: ["\r"..."\r"])
    case "a"..."z", "A"..."Z", "0"..."9": throw fault("`\\\(scalar)` is not supported")
    default: return ScalarSet(ranges: [scalar...scalar])
    }
  }

  private mutating func characterClass() throws(LinearPattern.SyntaxError) -> ScalarSet {
    position += 1
    var set = ScalarSet(ranges: [], isInverted: take("^"))
    var isFirst = true
    while true {
      guard let scalar = peek() else { throw fault("`[` is not closed") }
      if scalar == "]", !isFirst { break }
      isFirst = false
      let low = try classMember()
      guard let start = single(low), peek() == "-", position + 1 < text.count, text[position + 1] != "]" else {
        set.ranges += low.plainRanges
        continue
      }
      position += 1
      guard let end = single(try classMember()), start <= end else { throw fault("the range is not one") }
      set.ranges.append(start...end)
    }
    position += 1
    return set
  }

  private mutating func classMember() throws(LinearPattern.SyntaxError) -> ScalarSet {
    if take("\\") { return try escape() }
    defer { position += 1 }
    return ScalarSet(ranges: [text[position]...text[position]])
  }

  /// The only character of a set; nil where it has several.
  private func single(_ set: ScalarSet) -> Unicode.Scalar? {
    guard !set.isInverted, let range = set.ranges.first, set.ranges.count == 1, range.lowerBound == range.upperBound
    else { return nil }
    return range.lowerBound
  }
}
