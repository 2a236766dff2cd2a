/// One contestant's results, one a round.
struct Series {
  let values: [Double]

  var median: Double { values.percentile(50) }

  /// How this compares with another, round by round; the median of that.
  func ratio(to other: Series) -> Double {
    zip(values, other.values).map { $0 / $1 }.percentile(50)
  }

  /// Lets contestants take turns.
  ///
  /// - Returns: For each contestant a result a round.
  static func alternating<Contestant>(
    _ contestants: [Contestant], rounds: Int, _ measure: (Contestant) throws -> Double
  ) rethrows -> [Series] {
    var values = [[Double]](repeating: [], count: contestants.count)
    for _ in 0..<rounds {
      for (index, contestant) in contestants.enumerated() { values[index].append(try measure(contestant)) }
    }
    return values.map(Series.init)
  }
}

extension Collection where Element: Comparable {
  /// The value that so many in a hundred do not pass. There must be one at least.
  func percentile(_ percent: Int) -> Element {
    let sorted = sorted()
    return sorted[Swift.min(sorted.count - 1, sorted.count * percent / 100)]
  }
}
