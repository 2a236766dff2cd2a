import Platform
import Testing

@testable import Workspaces

struct GatheredChangesTests {
  private func path(_ text: String) -> RelativePath { (try? RelativePath(text)) ?? .root }

  /// `+a` created, `*a` changed, `-a` deleted, `a>b` moved, `a>>b` moved over what was there; with `/` of folders.
  private func gather(_ steps: [String]) -> [String] {
    var changes = GatheredChanges()
    for step in steps {
      let kind: FileKind = step.hasSuffix("/") ? .directory : .file
      let text = kind == .directory ? String(step.dropLast()) : step
      switch text.first {
      case "+": changes.created(path(String(text.dropFirst())), kind)
      case "*": changes.changed(path(String(text.dropFirst())), kind)
      case "-": changes.deleted(path(String(text.dropFirst())), kind)
      default:
        let ends = text.split(separator: ">").map { path(String($0)) }
        changes.moved(ends[0], to: ends[1], kind, replacing: text.contains(">>") ? kind : nil)
      }
    }
    let count = changes.count
    let drained = changes.drain()
    #expect(drained.count == count && changes.isEmpty)
    return drained.map { change in
      let mark = change.kind == .directory ? "/" : ""
      return switch change.what {
      case .created: "+\(change.path)\(mark)"
      case .changed: "*\(change.path)\(mark)"
      case .deleted: "-\(change.path)\(mark)"
      case .moved(let origin): "\(origin)>\(change.path)\(mark)"
      }
    }
  }

  @Test(
    "Changes that belong together are told as one",
    arguments: [
      (["+a", "*a", "*a"], ["+a"]), (["*a", "*a"], ["*a"]), (["+a", "*a", "-a"], []), (["*a", "-a"], ["-a"]),
      (["-a", "+a"], ["*a"]), (["-a", "+a", "-a"], ["-a"]), (["-a/", "+a/"], ["-a/", "+a/"]),
      (["+a/", "+a/b", "-a/b", "-a/"], []), (["-a/", "+a"], ["-a/", "+a"]), (["+a", "-a", "+a"], ["+a"]),
      (["*a", "*b", "*a"], ["*a", "*b"]),
    ])
  func merging(_ steps: [String], _ expected: [String]) {
    #expect(gather(steps) == expected)
  }

  @Test(
    "Moves take along what was told",
    arguments: [
      (["a>b"], ["a>b"]), (["+a", "a>b"], ["+b"]), (["+a", "*a", "a>>b"], ["*b"]), (["*a", "a>b"], ["a>b", "*b"]),
      (["a>b", "b>c"], ["a>c"]), (["a>b", "b>a"], []), (["a>b", "*b", "b>a"], ["*a"]), (["a>b", "-b"], ["-a"]),
      (["a>b", "+a", "-b"], ["*a"]), (["a>>b"], ["-b", "a>b"]), (["+b", "a>>b"], ["a>b"]),
      (["x>t", "y>x", "t>y"], ["x>t", "y>x", "t>y"]), (["-b", "a>b"], ["-b", "a>b"]), (["a>b", "*b", "-b"], ["-a"]),
      (["a/>b/", "+b/c", "-b/"], ["a>b/", "+b/c", "-b/"]), (["+a/", "+a/c", "a>b/"], ["+a/", "+a/c", "a>b/"]),
      (["a>b", "+a", "*a", "a>c"], ["a>b", "+c"]), (["a>b", "c>a", "b>c"], ["a>b", "c>a", "b>c"]),
    ])
  func moving(_ steps: [String], _ expected: [String]) {
    #expect(gather(steps) == expected)
  }

  @Test func `What was new below a folder that left is not told`() {
    var changes = GatheredChanges()
    changes.created(path("a/b"), .file)
    changes.changed(path("a"), .directory)
    changes.changed(path("ab"), .file)
    changes.takeBack(below: path("a"))
    changes.deleted(path("a"), .directory)
    #expect(changes.drain().map(\.path.string) == ["ab", "a"])
  }
}
