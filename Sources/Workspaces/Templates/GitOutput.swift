internal import BerthProtocol
internal import Platform
internal import Synchronization

/// What git writes to standard output, put together.
final class GitOutput: Sendable {
  private let bytes = Mutex<[UInt8]>([])

  func add(_ part: [UInt8]) {
    bytes.withLock { $0 += part }
  }

  var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }
}

/// Reads what `git ls-tree -l -z` writes, `mode type id size<TAB>path<NUL>`, and adds it up.
final class GitTreeListing: Sendable {
  private struct State {
    var budget: ContentBudget
    var rest: [UInt8] = []
    var submodules: [String] = []

    mutating func add(entry: ArraySlice<UInt8>) throws {
      guard let tab = entry.firstIndex(of: UInt8(ascii: "\t")) else { return }
      let name = Array(entry[(tab + 1)...])
      let fields = entry[..<tab].split(separator: UInt8(ascii: " "))
      let path = try EntryName.check(name, refusal: budget.refusal)
      try budget.addEntry(path.string)
      if fields.count > 1, fields[1].elementsEqual("commit".utf8) {
        submodules.append(path.string)
      } else if fields.count > 3, let size = Int64(String(decoding: fields[3], as: UTF8.self)) {
        try budget.add(bytes: size, of: path.string)
      }
    }
  }

  private let state: Mutex<State>

  init(_ budget: ContentBudget) {
    state = Mutex(State(budget: budget))
  }

  var submodules: [String] { state.withLock { $0.submodules } }

  func add(_ part: [UInt8]) throws {
    try state.withLock { state in
      state.rest += part
      var start = 0
      while let end = state.rest[start...].firstIndex(of: 0) {
        try state.add(entry: state.rest[start..<end])
        start = end + 1
      }
      state.rest.removeSubrange(..<start)
    }
  }
}
