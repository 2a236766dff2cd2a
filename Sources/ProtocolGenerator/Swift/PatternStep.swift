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
      return ".set(\(SwiftName.literal(PatternStep.characterClass(scalars)))\(repetition.argument))"
    case .group(let steps, let repetition):
      let inner = steps.map(\.swift).joined(separator: ", ")
      return ".group([\(inner)]\(repetition.argument))"
    }
  }

  /// The set as a character class without its brackets, the hyphen last.
  private static func characterClass(_ scalars: Set<Unicode.Scalar>) -> String {
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    for scalar in scalars.sorted() where scalar != "-" {
      if let last = ranges.last, last.upperBound.value + 1 == scalar.value {
        ranges[ranges.count - 1] = last.lowerBound...scalar
      } else {
        ranges.append(scalar...scalar)
      }
    }
    let parts = ranges.map { range in
      range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
    }
    return parts.joined() + (scalars.contains("-") ? "-" : "")
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
