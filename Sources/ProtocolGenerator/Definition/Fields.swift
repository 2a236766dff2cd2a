import Yams

/// The members of one YAML mapping. Each is taken by its name; what is left over in the end is unknown and a fault.
///
/// The functions that must find something return a stand-in where they do not, once the fault is on the list.
struct Fields {
  let place: Place
  let faults: FaultList
  private var nodes: [(key: String, node: Node)] = []
  private var taken: Set<String> = []

  init?(_ node: Node, of what: String, in file: String, faults: FaultList) {
    place = Place(file: file, line: node.mark?.line ?? 0)
    self.faults = faults
    guard case .mapping(let mapping) = node else {
      faults.add(place, "\(what) must be a mapping")
      return nil
    }
    for (key, value) in mapping {
      nodes.append((key.scalar?.string ?? "", value))
    }
  }

  /// The names and values that have not been taken, each now taken.
  mutating func rest() -> [(key: String, node: Node)] {
    let rest = nodes.filter { !taken.contains($0.key) }
    taken.formUnion(rest.map(\.key))
    return rest
  }

  func place(of node: Node) -> Place {
    Place(file: place.file, line: node.mark?.line ?? place.line)
  }

  mutating func node(_ key: String) -> Node? {
    taken.insert(key)
    return nodes.first { $0.key == key }?.node
  }

  mutating func required(_ key: String) -> Node? {
    let found = node(key)
    if found == nil { faults.add(place, "`\(key)` is missing") }
    return found
  }

  mutating func optionalText(_ key: String) -> String? {
    guard let found = node(key) else { return nil }
    guard let text = found.scalar?.string, !text.isEmpty else {
      faults.add(place(of: found), "`\(key)` must be text")
      return nil
    }
    return text
  }

  mutating func text(_ key: String) -> String {
    guard required(key) != nil else { return "" }
    return optionalText(key) ?? ""
  }

  mutating func flag(_ key: String) -> Bool {
    guard let found = node(key) else { return false }
    guard let flag = found.bool else {
      faults.add(place(of: found), "`\(key)` must be true or false")
      return false
    }
    return flag
  }

  mutating func integer(_ key: String) -> Int? {
    guard let found = node(key) else { return nil }
    guard let integer = found.int else {
      faults.add(place(of: found), "`\(key)` must be an integer")
      return nil
    }
    return integer
  }

  mutating func number(_ key: String) -> Double? {
    guard let found = node(key) else { return nil }
    guard let number = found.float else {
      faults.add(place(of: found), "`\(key)` must be a number")
      return nil
    }
    return number
  }

  mutating func list(_ key: String) -> [Node] {
    guard let found = node(key) else { return [] }
    guard let sequence = found.sequence else {
      faults.add(place(of: found), "`\(key)` must be a list")
      return []
    }
    return Array(sequence)
  }

  mutating func words(_ key: String) -> [String] {
    list(key).compactMap { $0.scalar?.string }
  }

  /// Tells of members that nobody took.
  func finish(_ what: String) {
    for (key, node) in nodes where !taken.contains(key) {
      faults.add(place(of: node), "\(what) has an unknown member `\(key)`")
    }
  }
}
