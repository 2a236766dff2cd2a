/// A regular expression of the definitions, taken apart.
///
/// Only what `Pattern` in BerthProtocol carries out is accepted: `^…$` round ASCII characters, classes and groups with
/// `?`, `*` or `+`, so made that the next character always tells what to do. Matching then never looks back.
indirect enum PatternStep {
  enum Repetition: String {
    case once, zeroOrOne, zeroOrMore, oneOrMore

    var mayBeNone: Bool { self == .zeroOrOne || self == .zeroOrMore }
    var mayBeMany: Bool { self == .zeroOrMore || self == .oneOrMore }
  }

  case set(Set<Unicode.Scalar>, Repetition)
  case group([PatternStep], Repetition)

  /// The step as an expression of the generated code.
  var swift: String {
    switch self {
    case .set(let scalars, let repetition):
      let ranges = PatternStep.ranges(scalars).map { "\"\($0.lowerBound)\"...\"\($0.upperBound)\"" }
      return ".set([\(ranges.joined(separator: ", "))]\(repetition.argument))"
    case .group(let steps, let repetition):
      let inner = steps.map(\.swift).joined(separator: ", ")
      return ".group([\(inner)]\(repetition.argument))"
    }
  }

  private static func ranges(_ scalars: Set<Unicode.Scalar>) -> [ClosedRange<Unicode.Scalar>] {
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    for scalar in scalars.sorted() {
      if let last = ranges.last, last.upperBound.value + 1 == scalar.value {
        ranges[ranges.count - 1] = last.lowerBound...scalar
      } else {
        ranges.append(scalar...scalar)
      }
    }
    return ranges
  }

  var isOptional: Bool {
    switch self {
    case .set(_, let repetition): repetition.mayBeNone
    case .group(let steps, let repetition): repetition.mayBeNone || steps.allSatisfy(\.isOptional)
    }
  }

  /// The characters that it can begin with.
  var first: Set<Unicode.Scalar> {
    switch self {
    case .set(let scalars, _): scalars
    case .group(let steps, _): PatternStep.first(steps, then: [])
    }
  }

  static func first(_ steps: some Collection<PatternStep>, then follow: Set<Unicode.Scalar>) -> Set<Unicode.Scalar> {
    var result: Set<Unicode.Scalar> = []
    for step in steps {
      result.formUnion(step.first)
      if !step.isOptional { return result }
    }
    return result.union(follow)
  }

  /// Whether the next character always tells whether to go on with a step or to leave it.
  static func isDeterministic(_ steps: [PatternStep], then follow: Set<Unicode.Scalar> = []) -> Bool {
    for (index, step) in steps.enumerated() {
      let next = first(steps[(index + 1)...], then: follow)
      switch step {
      case .set(let scalars, let repetition):
        if repetition != .once, !scalars.isDisjoint(with: next) { return false }
      case .group(let inner, let repetition):
        if inner.allSatisfy(\.isOptional) { return false }
        if repetition != .once, !step.first.isDisjoint(with: next) { return false }
        if !isDeterministic(inner, then: repetition.mayBeMany ? next.union(step.first) : next) { return false }
      }
    }
    return true
  }
}

extension PatternStep.Repetition {
  fileprivate var argument: String { self == .once ? "" : ", .\(rawValue)" }
}

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
