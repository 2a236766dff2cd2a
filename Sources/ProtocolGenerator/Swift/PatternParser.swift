/// Takes a regular expression apart.
struct PatternParser {
  struct Fault: Error { var message: String }

  private var rest: ArraySlice<Unicode.Scalar>

  static func parse(_ pattern: String) throws(Fault) -> [PatternStep] {
    let scalars = Array(pattern.unicodeScalars)
    guard scalars.first == "^", scalars.last == "$", scalars.count > 2, scalars.allSatisfy(\.isASCII) else {
      throw Fault(message: "must be ASCII, begin with `^` and end with `$`")
    }
    var parser = PatternParser(rest: scalars[1..<(scalars.count - 1)])
    let steps = try parser.sequence()
    guard parser.rest.isEmpty else { throw Fault(message: "is wrong: a `)` has no `(`") }
    guard PatternStep.isDeterministic(steps) else {
      throw Fault(
        message:
          "is not understood: the next character must tell what to do: what follows a repetition may not begin like it")
    }
    return steps
  }

  private mutating func sequence() throws(Fault) -> [PatternStep] {
    var steps: [PatternStep] = []
    while let scalar = rest.first, scalar != ")" {
      rest.removeFirst()
      if scalar == "(" {
        let inner = try sequence()
        guard rest.popFirst() == ")" else { throw Fault(message: "is wrong: a `(` has no `)`") }
        steps.append(.group(inner, repetition()))
      } else {
        let scalars = try set(beginningWith: scalar)
        steps.append(.set(scalars, repetition()))
      }
    }
    return steps
  }

  private mutating func repetition() -> PatternStep.Repetition {
    let repetition: PatternStep.Repetition
    switch rest.first {
    case "?": repetition = .zeroOrOne
    case "*": repetition = .zeroOrMore
    case "+": repetition = .oneOrMore
    default: return .once
    }
    rest.removeFirst()
    return repetition
  }

  private mutating func set(beginningWith scalar: Unicode.Scalar) throws(Fault) -> Set<Unicode.Scalar> {
    switch scalar {
    case "[": return try characterClass()
    case "\\":
      guard let escaped = rest.popFirst(), !escaped.properties.isAlphabetic else {
        throw Fault(message: "is not understood: classes such as `\\d` are not known: write `[0-9]`")
      }
      return [escaped]
    case ".", "|", "{", "}", "^", "$", "?", "*", "+", "]":
      throw Fault(message: "is not understood: `\(scalar)` is not known here")
    default: return [scalar]
    }
  }

  private mutating func characterClass() throws(Fault) -> Set<Unicode.Scalar> {
    var result: Set<Unicode.Scalar> = []
    while let scalar = rest.popFirst(), scalar != "]" {
      if scalar == "^" || scalar == "\\" || scalar == "[" {
        throw Fault(message: "is not understood: `\(scalar)` is not known in a class")
      }
      if rest.first == "-", let end = rest.dropFirst().first, end != "]" {
        rest.removeFirst(2)
        guard scalar <= end else { throw Fault(message: "is wrong: a range in a class is the wrong way round") }
        for value in scalar.value...end.value { Unicode.Scalar(value).map { _ = result.insert($0) } }
      } else {
        result.insert(scalar)
      }
    }
    if result.isEmpty { throw Fault(message: "is wrong: a class is empty") }
    return result
  }
}
