/// Finds `${…}` in a text.
struct SubstitutionParser {
  enum Piece: Equatable {
    case text(String)
    /// - Parameter source: The whole reference, as it is written.
    case reference(name: String, SubstitutedText.Reference.Absence, source: String)
    /// `$NAME`, which stands for itself though it was hardly meant to.
    case bare(name: String)
    case fault(String, source: String)
  }

  private let scalars: [Unicode.Scalar]
  private var position = 0

  static func pieces(of text: String) -> [Piece] {
    var parser = SubstitutionParser(scalars: Array(text.unicodeScalars))
    var pieces: [Piece] = []
    while let piece = parser.next() { pieces.append(piece) }
    return pieces
  }

  private init(scalars: [Unicode.Scalar]) {
    self.scalars = scalars
  }

  private func scalar(_ index: Int) -> Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

  private func string(_ range: Range<Int>) -> String {
    var string = ""
    string.unicodeScalars.append(contentsOf: scalars[range])
    return string
  }

  private mutating func next() -> Piece? {
    guard let first = scalar(position) else { return nil }
    let start = position
    guard first == "$" else {
      while let scalar = scalar(position), scalar != "$" { position += 1 }
      return .text(string(start..<position))
    }
    switch scalar(position + 1) {
    case "$":
      position += 2
      return .text("$")
    case "{": return reference()
    default:
      position += 1
      let name = nameEnd(from: position)
      defer { position = name }
      return name > position ? .bare(name: string(position..<name)) : .text("$")
    }
  }

  private func nameEnd(from start: Int) -> Int {
    var end = start
    while let scalar = scalar(end), scalar.isASCII, UInt8(scalar.value).isWordByte {
      if end == start && ("0"..."9").contains(scalar) { break }
      end += 1
    }
    return end
  }

  private mutating func reference() -> Piece {
    let start = position
    let nameStart = start + 2
    let nameEnd = nameEnd(from: nameStart)
    guard let close = scalars[nameStart...].firstIndex(of: "}") else {
      position = scalars.count
      return .fault("`${` is never closed by `}`; write `$$` for a dollar sign", source: "${")
    }
    position = close + 1
    let source = string(start..<position)
    func fault(_ message: String) -> Piece { .fault(message, source: source) }
    guard nameEnd > nameStart else { return fault("`\(source)` has no name of a variable after `${`") }
    let name = string(nameStart..<nameEnd)
    if nameEnd == close { return .reference(name: name, .error, source: source) }
    guard scalar(nameEnd) == ":", let kind = scalar(nameEnd + 1), kind == "-" || kind == "?" else {
      return fault("`\(source)` is not understood; it may be `${NAME}`, `${NAME:-default}` or `${NAME:?message}`")
    }
    let rest = string((nameEnd + 2)..<close)
    guard !rest.contains("${") else { return fault("a reference cannot stand within another") }
    return .reference(name: name, kind == "-" ? .fallback(rest) : .message(rest), source: source)
  }
}
