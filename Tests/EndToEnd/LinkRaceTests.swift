import BerthClient
import BerthProtocol
import JSON
import Platform
import Synchronization
import TestSupport
import Testing

/// A folder of the workspace and a link to the outside change places all the time, while clients work in it.
@Suite(.serialized) struct LinkRaceTests {
  private let server: TestServer
  private let folder: TemporaryFolder

  init() throws {
    server = try TestServer()
    folder = server.folder
    try folder.shell(
      """
      mkdir -p outside/sub ws/t/way/sub; for f in a b sub/a sub/b; do echo secret > outside/$f; done
      for f in a b sub/a sub/b; do echo inside > ws/t/way/$f; done; ln -s ../../outside ws/t/spare
      """)
    _ = try server.connect().request(WorkspaceCreate.self, .init(key: "w", path: folder.path + "/ws"))
  }

  private func outside() throws -> String {
    try folder.shell(
      "find outside -printf '%P %y %m %n %T@\\n' | sort; find outside -type f | sort | xargs sha256sum; ls")
  }

  /// Lets them change places as long as `body` runs. - Returns: How often they did.
  private func racing(_ body: () throws -> Void) throws -> Int {
    let (isOver, swaps, hasEnded) = (Shared(false), Shared(0), Signal())
    let tree = try Directory(path: folder.path + "/ws/t")
    startDetached("swaps") {
      while !isOver.value.withLock({ $0 }) {
        if (try? tree.rename("way", to: Place(directory: tree, name: "spare"), .exchange)) != nil {
          swaps.value.withLock { $0 += 1 }
        }
      }
      hasEnded.set()
    }
    defer {
      isOver.value.withLock { $0 = true }
      hasEnded.wait()
    }
    try body()
    return swaps.value.withLock { $0 }
  }

  private final class Shared<Value: Sendable>: Sendable {
    let value: Mutex<Value>

    init(_ value: Value) {
      self.value = Mutex(value)
    }
  }

  private static func calls(_ number: Int) -> [(String, JSONValue)] {
    [
      ("file/read", ["workspace": "w", "path": "t/way/sub/a"]),
      ("file/write", ["workspace": "w", "path": "t/way/a", "content": "inside"]),
      (
        "file/write",
        ["workspace": "w", "path": .string("t/way/new/\(number)"), "content": "inside", "createParents": true]
      ),
      ("file/list", ["workspace": "w", "path": "t/way", "depth": 5]),
      (
        "file/copy",
        [
          "workspace": "w", "from": "t/way/sub", "to": .string("copies/\(number)"), "recursive": true,
          "createParents": true,
        ]
      ),
      ("file/copy", ["workspace": "w", "from": "t/way/b", "to": "t/way/copy", "overwrite": true]),
      ("file/move", ["workspace": "w", "from": "t/way/copy", "to": "t/way/moved", "overwrite": true]),
      ("file/mkdir", ["workspace": "w", "path": .string("t/way/made/\(number)"), "parents": true]),
      ("file/delete", ["workspace": "w", "path": "t/way/new", "recursive": true]),
      ("file/delete", ["workspace": "w", "path": "t/way/made", "recursive": true]),
      ("file/stat", ["workspace": "w", "path": "t/way/sub/b"]),
    ]
  }

  @Test func `no read or write leads out while a link is swapped in`() throws {
    let before = try outside()
    let client = try server.connect()
    var (succeeded, escaped) = (0, 0)
    let swaps = try racing {
      for number in 0..<150 {
        let ids = try Self.calls(number).map { try client.begin($0.0, params: $0.1) }
        for id in ids {
          do {
            #expect(!(try client.result(of: id)).jsonString.contains("secret"))
            succeeded += 1
          } catch let error as CallError {
            #expect(error.code != -32603, "\(error)")
            if error.type == .pathEscapes { escaped += 1 }
          }
        }
      }
    }
    #expect(try outside() == before)
    #expect(try folder.shell("grep -r secret ws/copies ws/t/*/ || true").contains("copies") == false)
    // It was a race, and neither side always won.
    #expect(swaps > 100 && succeeded > 100 && escaped > 10, "\(swaps) swaps, \(succeeded) done, \(escaped) refused")
  }

  @Test func `what is kept or removed as a whole holds nothing from outside`() throws {
    let before = try outside()
    let client = try server.connect()
    var snapshots: [String] = []
    let swaps = try racing {
      for number in 0..<15 {
        let job = try client.request(WorkspaceSnapshot.self, .init(workspace: "w", waitSeconds: 20)).job
        if let id = job.result?["snapshot"]?["id"]?.stringValue { snapshots.append(id) }
        let archive = "\(folder.path)/\(number).tar.gz"
        _ = try client.request(WorkspaceExport.self, .init(workspace: "w", path: archive, waitSeconds: 20))
        if let id = snapshots.last {
          _ = try? client.request(SnapshotRestore.self, .init(snapshot: id, waitSeconds: 20))
        }
      }
    }
    try folder.shell(
      "for a in *.tar.gz; do mkdir -p x; tar xzf $a -C x; ! grep -r secret x --exclude-dir=outside; done; rm -rf x *.tar.gz"
    )
    #expect(try outside() == before)
    #expect(swaps > 100 && !snapshots.isEmpty)
    // A folder goes with all that it holds while a part of it is swapped.
    _ = try racing { _ = try? client.request(FileDelete.self, .init(workspace: "w", path: "t", recursive: true)) }
    #expect(try outside() == before)
  }
}
