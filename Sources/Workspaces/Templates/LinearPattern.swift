/// A regular expression that is matched in time proportional to its size and the text's.
///
/// Patterns come with templates, and templates come from anywhere: a backtracking matcher could be kept busy for years
/// by a pattern such as `(a+)+b`. This one follows all alternatives side by side (Thompson's construction). It knows
/// literals, `.`, classes, `\d \w \s` and their opposites, groups, `|`, `* + ? {n} {n,} {n,m}`, `^` and `$`; it has no
/// back references and no look-around, which cannot be matched so.
struct LinearPattern: Sendable {
  /// Why a pattern cannot be used, and where.
  struct SyntaxError: Error, Sendable {
    let message: String
    /// In characters from the pattern's start.
    let offset: Int
  }

  enum Step: Sendable {
    /// Takes one character.
    case take(ScalarSet)
    /// Goes on at both places.
    case fork(Int, Int)
    case jump(Int)
    case atStart
    case atEnd
    case matched
  }

  private let steps: [Step]

  /// The most steps a pattern may come to once its repetitions are written out.
  static let maximumSteps = 5000

  init(_ pattern: String) throws(SyntaxError) {
    var parser = PatternParser(pattern)
    let node = try parser.parse()
    var compiler = PatternCompiler()
    try compiler.append(node)
    steps = compiler.steps + [.matched]
  }

  /// Whether the pattern matches the text from its first to its last character.
  func matchesWhole(_ text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    var current = Frontier(capacity: steps.count)
    var next = Frontier(capacity: steps.count)
    follow(0, into: &current, position: 0, end: scalars.count)
    for (position, scalar) in scalars.enumerated() {
      if current.places.isEmpty { return false }
      next.clear()
      for place in current.places {
        if case .take(let set) = steps[place], set.contains(scalar) {
          follow(place + 1, into: &next, position: position + 1, end: scalars.count)
        }
      }
      swap(&current, &next)
    }
    return current.reachedEnd
  }

  /// Adds a place, and every place that can be reached from it without taking a character.
  private func follow(_ start: Int, into frontier: inout Frontier, position: Int, end: Int) {
    var pending = [start]
    while let place = pending.popLast() {
      guard frontier.visit(place) else { continue }
      switch steps[place] {
      case .take: frontier.places.append(place)
      case .jump(let target): pending.append(target)
      case .fork(let one, let other): pending += [other, one]
      case .atStart: if position == 0 { pending.append(place + 1) }
      case .atEnd: if position == end { pending.append(place + 1) }
      case .matched: frontier.reachedEnd = true
      }
    }
  }

  /// The places at which the matcher stands at one position of the text.
  private struct Frontier {
    var places: [Int] = []
    var reachedEnd = false
    private var visits: [Int]
    private var round = 1

    init(capacity: Int) {
      visits = Array(repeating: 0, count: capacity)
    }

    /// Whether the place had not been visited since `clear`.
    mutating func visit(_ place: Int) -> Bool {
      if visits[place] == round { return false }
      visits[place] = round
      return true
    }

    mutating func clear() {
      places.removeAll(keepingCapacity: true)
      reachedEnd = false
      round += 1
    }
  }
}

/// A set of characters, as a class in brackets or an escape names it.
struct ScalarSet: Sendable {
  var ranges: [ClosedRange<Unicode.Scalar>]
  var isInverted = false

  static let any = ScalarSet(ranges: ["\n"..."\n"], isInverted: true)
  static let digits = ScalarSet(ranges: ["0"..."9"])
  static let words = ScalarSet(ranges: ["a"..."z", "A"..."Z", "0"..."9", "_"..."_"])
  static let spaces = ScalarSet(ranges: ["\t"..."\r", " "..." "])

  var inverted: ScalarSet { ScalarSet(ranges: ranges, isInverted: !isInverted) }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    ranges.contains { $0.contains(scalar) } != isInverted
  }

  /// The same set as ranges alone.
  var plainRanges: [ClosedRange<Unicode.Scalar>] {
    guard isInverted else { return ranges }
    var result: [ClosedRange<Unicode.Scalar>] = []
    var next: UInt32 = 0
    func add(to end: UInt32) {
      // The surrogates in between are no characters.
      if let low = Unicode.Scalar(next == 0xD800 ? 0xE000 : next), let high = Unicode.Scalar(end), low <= high {
        result.append(low...high)
      }
    }
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if range.lowerBound.value > next { add(to: range.lowerBound.value - 1) }
      next = max(next, range.upperBound.value + 1)
    }
    if next <= 0x10FFFF { add(to: 0x10FFFF) }
    return result
  }
}

/// Writes a pattern's tree out as steps.
private struct PatternCompiler {
  var steps: [LinearPattern.Step] = []
  /// How many parts were written out; an empty group makes no step and can be repeated all the same.
  private var parts = 0

  mutating func append(_ node: PatternNode) throws(LinearPattern.SyntaxError) {
    parts += 1
    guard max(steps.count, parts / 4) <= LinearPattern.maximumSteps else {
      throw LinearPattern.SyntaxError(message: "its repetitions make it too large", offset: 0)
    }
    switch node {
    case .set(let set): steps.append(.take(set))
    case .start: steps.append(.atStart)
    case .end: steps.append(.atEnd)
    case .sequence(let nodes): for node in nodes { try append(node) }
    case .choice(let nodes): try append(choice: nodes[...])
    case .repeated(let node, let least, let most): try append(node, from: least, to: most)
    }
  }

  private mutating func append(choice nodes: ArraySlice<PatternNode>) throws(LinearPattern.SyntaxError) {
    var ends: [Int] = []
    for (index, node) in nodes.enumerated() {
      if index == nodes.count - 1 {
        try append(node)
      } else {
        let fork = steps.count
        steps.append(.jump(0))
        try append(node)
        ends.append(steps.count)
        steps.append(.jump(0))
        steps[fork] = .fork(fork + 1, steps.count)
      }
    }
    for end in ends { steps[end] = .jump(steps.count) }
  }

  private mutating func append(_ node: PatternNode, from least: Int, to most: Int?) throws(LinearPattern.SyntaxError) {
    for _ in 0..<least { try append(node) }
    guard let most else {
      let fork = steps.count
      steps.append(.jump(0))
      try append(node)
      steps.append(.jump(fork))
      steps[fork] = .fork(fork + 1, steps.count)
      return
    }
    var forks: [Int] = []
    for _ in least..<most {
      forks.append(steps.count)
      steps.append(.jump(0))
      try append(node)
    }
    for fork in forks { steps[fork] = .fork(fork + 1, steps.count) }
  }
}
