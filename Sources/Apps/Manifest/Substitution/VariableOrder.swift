/// The order in which variables that stand for others get their values.
///
/// A variable that names itself means the value from outside (`PATH: bin:${PATH}`), which is no circle.
struct VariableOrder {
  /// Indexes of the variables that have values: each after those that it names.
  private(set) var order: [Int] = []
  /// Names that stand for each other, one list a circle.
  private(set) var cycles: [[String]] = []

  init(_ variables: [ManifestVariable]) {
    let indexes = Dictionary(variables.enumerated().map { ($1.name, $0) }) { first, _ in first }
    let needs = variables.enumerated().map { index, variable in
      Set(variable.value.references.compactMap { indexes[$0.name] }).subtracting([index])
    }
    var users: [[Int]] = Array(repeating: [], count: variables.count)
    for (index, needed) in needs.enumerated() {
      for other in needed { users[other].append(index) }
    }
    var open = needs.map(\.count)
    order = open.indices.filter { open[$0] == 0 }
    var next = 0
    while next < order.count {
      for user in users[order[next]] {
        open[user] -= 1
        if open[user] == 0 { order.append(user) }
      }
      next += 1
    }
    cycles = Self.cycles(among: Set(variables.indices).subtracting(order), needs).map { $0.map { variables[$0].name } }
  }

  /// Each of the indexes left needs one that is left too, so that following the needs always leads into a circle.
  private static func cycles(among left: Set<Int>, _ needs: [Set<Int>]) -> [[Int]] {
    var cycles: [[Int]] = []
    var seen: Set<Int> = []
    for start in left.sorted() where !seen.contains(start) {
      var steps: [Int: Int] = [:]
      var way: [Int] = []
      var current = start
      while !seen.contains(current) {
        seen.insert(current)
        steps[current] = way.count
        way.append(current)
        guard let next = needs[current].filter(left.contains).min() else { break }
        current = next
      }
      if let step = steps[current] {
        let cycle = Array(way[step...])
        let first = cycle.indices.min { cycle[$0] < cycle[$1] } ?? 0
        cycles.append(Array(cycle[first...] + cycle[..<first]))
      }
    }
    return cycles
  }
}
