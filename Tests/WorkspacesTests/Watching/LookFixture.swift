import BerthProtocol
import Platform
import Streams
import Testing

@testable import Workspaces

/// A watch without its thread: what has happened is looked at when the test says so.
final class LookFixture {
  let files: FilesFixture
  let table: WatchTable
  let watch: FolderWatch
  let folder: WatchedFolder

  init(_ files: FilesFixture, include: [String]? = nil, exclude: [String]? = nil, gitignore: Bool = true) throws {
    self.files = files
    table = WatchTable(inotify: try Inotify(), maximumDirectories: { 1_000 })
    watch = FolderWatch(
      WatchRequest(
        journal: MemoryJournal(name: "test"), workspace: try files.open("w", for: .read), start: .root, onlyName: nil,
        filter: try ListFilter(include: include, exclude: exclude),
        params: FileWatch.Params(workspace: "w", gitignore: gitignore)))
    folder = WatchedFolder(watch)
    watch.folder = folder
    var reading = Reconciliation(table, watch, isSilent: true)
    try reading.begin()
    #expect(reading.told.isEmpty)
  }

  /// What is told of all that was done since the last look: `+` created, `*` changed, `-` deleted, `from > path`
  /// moved; folders end with a slash, links with an `@`.
  func look() throws -> [String] {
    while case let events = try table.inotify.read(), !events.isEmpty {
      for event in events { _ = table.take(event) }
    }
    var look = Reconciliation(table, watch)
    try look.run()
    return look.told.map(\.text)
  }

  func expect(_ expected: [String], sourceLocation: SourceLocation = #_sourceLocation) throws {
    let told = try look()
    #expect(told == expected, sourceLocation: sourceLocation)
  }

  func expect(anyOrder expected: Set<String>, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let told = try look()
    #expect(told.sorted() == expected.sorted(), sourceLocation: sourceLocation)
  }

  /// Reads what inotify tells, and forgets it.
  func loseEvents() throws {
    while try !table.inotify.read().isEmpty {}
    for below in folder.all { below.markAll() }
  }

  /// What the watch takes to be there.
  var picture: Set<String> {
    var paths: Set<String> = []
    for folder in folder.all {
      for (name, entry) in folder.entries {
        paths.insert(folder.path.appending(name.bytes).string + (entry.kind == .directory ? "/" : ""))
      }
    }
    return paths
  }
}

extension FolderChange {
  var text: String {
    let mark = kind == .directory ? "/" : kind == .link ? "@" : ""
    return switch what {
    case .created: "+\(path)\(mark)"
    case .changed: "*\(path)\(mark)"
    case .deleted: "-\(path)\(mark)"
    case .moved(let origin): "\(origin)>\(path)\(mark)"
    }
  }
}

extension FilesFixture {
  func rename(_ from: String, _ to: String, _ collision: Directory.Collision = .replace) throws {
    let source = try directory.place(of: RelativePath(from))
    try source.directory.rename(source.name, to: directory.place(of: RelativePath(to)), collision)
  }

  func remove(_ path: String) throws {
    let place = try directory.place(of: RelativePath(path))
    try place.directory.removeTree(place.name)
  }

  /// All that is there, as a watch without rules sees it.
  func paths() throws -> Set<String> {
    var paths: Set<String> = []
    try TreeWalker(root: directory).walk {
      paths.insert($0.path.string + ($0.kind == .directory ? "/" : ""))
      return true
    }
    return paths.filter { !$0.contains(WatchFollower.mark) }
  }
}

/// A generator that gives the same numbers each time.
struct Chance: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }

  /// Does something to a tree of few names, so that much happens to each.
  mutating func disturb(_ files: FilesFixture) {
    let (one, other) = (path(3), path(3))
    switch Int.random(in: 0..<8, using: &self) {
    case 0, 1: try? files.put(one, "x")
    case 2: try? files.folder(one)
    case 3, 4, 5: try? files.rename(one, other)
    case 6: try? files.remove(one)
    default: try? files.rename(path(2), path(2), .exchange)
    }
  }

  private mutating func path(_ depth: Int) -> String {
    (0..<Int.random(in: 1...depth, using: &self)).map { _ in ["a", "b", "c", "d"][Int.random(in: 0..<4, using: &self)] }
      .joined(separator: "/")
  }
}
