import BerthProtocol
import Glibc
import Platform
import Testing

@testable import Workspaces

/// What a client knows that carries out what it is told: paths, those of folders with a slash behind.
struct Model {
  private(set) var paths: Set<String>

  init(_ paths: Set<String>) {
    self.paths = paths
  }

  mutating func apply(_ told: [Told]) {
    for change in told {
      switch change.type {
      case EventType.fileCreated: paths.insert(change.path + (change.kind == .directory ? "/" : ""))
      case EventType.fileDeleted: remove(change.path)
      case EventType.fileMoved:
        let from = change.from ?? ""
        remove(change.path)
        let moved = paths.filter { $0 == from || $0.hasPrefix(from + "/") }
        paths.subtract(moved)
        for path in moved { paths.insert(change.path + path.dropFirst(from.count)) }
      default: break
      }
    }
  }

  private mutating func remove(_ path: String) {
    paths = paths.filter { $0 != path && !$0.hasPrefix(path + "/") }
  }
}

struct WatchModelTests {
  private func paths(_ files: FilesFixture) throws -> Set<String> {
    var paths: Set<String> = []
    try TreeWalker(root: files.directory).walk {
      paths.insert($0.path.string + ($0.kind == .directory ? "/" : ""))
      return true
    }
    return paths.filter { !$0.contains("~mark") }
  }

  /// Carries out what is told, until that is what is there or nothing more comes.
  private func follow(_ follower: WatchFollower, _ files: FilesFixture, _ model: inout Model) async throws {
    model.apply(try await follower.changes(before: files))
    let there = try paths(files)
    for _ in 0..<100 where model.paths != there { model.apply(try await follower.changes(before: files)) }
  }

  @Test("Who carries out what is told has what is there, whatever happens", arguments: 1...12, [0, 30])
  func chance(_ seed: UInt64, _ debounceMs: Int) async throws {
    let fixture = try WatchFixture()
    var random = Chance(state: seed)
    let names = ["a", "b", "c", "d"]
    func anyPath(_ depth: Int) -> String {
      (0..<Int.random(in: 1...depth, using: &random)).map { _ in names.randomElement(using: &random) ?? "a" }
        .joined(separator: "/")
    }
    for _ in 0..<20 { try? fixture.files.put(anyPath(3)) }
    let follower = try fixture.watch(gitignore: false, debounceMs: debounceMs)
    var model = Model(try paths(fixture.files))
    for _ in 0..<4 {
      for _ in 0..<150 {
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1: try? fixture.files.put(anyPath(3), "x")
        case 2: try? fixture.files.folder(anyPath(3))
        case 3, 4, 5: try? fixture.rename(anyPath(3), anyPath(3))
        case 6: try? fixture.remove(anyPath(3))
        default: try? fixture.exchange(anyPath(2), anyPath(2))
        }
      }
      try await follow(follower, fixture.files, &model)
      let there = try paths(fixture.files)
      #expect(model.paths == there, "missing \(there.subtracting(model.paths)), left \(model.paths.subtracting(there))")
      if model.paths != there { return }
    }
    #expect(follower.gaps == 0)
  }

  @Test func `A folder that is busy while it comes is told whole`() async throws {
    let fixture = try WatchFixture()
    let outside = try FilesFixture()
    let follower = try fixture.watch()
    for round in 0..<20 {
      for index in 0..<30 { try outside.put("r\(round)/d\(index)/file") }
      let target = fixture.files.path + "/r\(round)"
      let (source, folder) = (outside.path + "/r\(round)", fixture.files)
      try withThread {
        for index in 0..<200 { try? folder.put("r\(round)/d\(index % 30)/new-\(index)") }
      } while: {
        #expect(rename(source, target) == 0 || errno == ENOTEMPTY)
      }
    }
    var model = Model([])
    try await follow(follower, fixture.files, &model)
    #expect(try model.paths == paths(fixture.files))
  }
}

/// A generator that gives the same numbers each time.
private struct Chance: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
