import BerthProtocol
import Foundation
import GRDB
import JSON
import Jobs
import Platform
import Storage
import Streams
import Synchronization
import TestSupport
import Testing

@testable import Workspaces

@Suite struct SnapshotTests {
  let home: PlacementHome
  let workspace: Workspace

  init() throws {
    home = try PlacementHome()
    workspace = try home.workspace(
      "demo",
      ["a.txt": "one", "src/b ü.txt": "two", "src/deep/c": "three", ".gitignore": "*.log\n/build\n", "x.log": "log"])
    try home.shell(
      """
      cd demo; mkdir -p .git build empty; echo config > .git/config; echo o > build/o; ln -s src/deep link
      ln -s /nowhere dangling; chmod 755 a.txt; chmod 700 src; head -c 3000000 /dev/urandom > large
      touch -d '2021-01-02 03:04:05.678901234 UTC' a.txt src/deep/c; touch -h -d '2022-01-01 UTC' link
      touch -d '2021-05-05 UTC' empty src/deep src
      """)
  }

  private func take(ignored: Bool = false, label: String? = nil) async throws -> Snapshot {
    let job = try await home.end(
      of: home.snapshots.snapshot(.init(workspace: workspace.id, label: label, includeIgnored: ignored)))
    #expect(job.state == .succeeded, "\(job)")
    return try Decoding.decode(SnapshotJobResult.self, from: .object(job.result ?? [:])).snapshot
  }

  private func restore(_ snapshot: Snapshot, _ paths: [String]? = nil) async throws -> Job {
    try await home.end(of: home.snapshots.restore(.init(snapshot: snapshot.id, paths: paths)))
  }

  /// What a whole restore brings back: all but ignored files.
  private func listing(ignored: Bool = false) throws -> String {
    let left = ignored ? "" : "-path ./.git -prune -o -path ./build -prune -o -name '*.log' -o"
    return try home.shell(
      """
      cd demo; find . \(left) -type d -printf '%P d %m %T@\\n' -o \(left) -printf '%P %y %m %T@ %s %l\\n' | sort
      find . \(left) -type f -print0 | sort -z | xargs -0 sha256sum
      """)
  }

  private func changes(_ from: Snapshot, _ to: Snapshot? = nil) throws -> [String] {
    try home.snapshots.diff(.init(from: from.id, to: to?.id)).changes.map { "\($0.change.rawValue) \($0.path)" }
  }

  private func blobs() throws -> Int {
    try home.shell("ls -d home/blobs/??/* 2>/dev/null | wc -l").split(separator: "\n").first.flatMap { Int($0) } ?? 0
  }

  // MARK: Taking

  @Test func aSnapshotCountsWhatItHolds() async throws {
    let snapshot = try await take(label: "first")
    #expect(snapshot.files == 7 && snapshot.directories == 3)
    #expect(snapshot.bytes == 3_000_000 + 3 + 3 + 5 + 13 && snapshot.storedBytes == snapshot.bytes)
    #expect(snapshot.label == "first" && !snapshot.automatic && snapshot.workspace == workspace.id)
    #expect(try home.snapshots.get(.init(snapshot: snapshot.id)) == snapshot)
    #expect(try blobs() == 6)
    let all = try await take(ignored: true)
    #expect(all.files == 10 && all.directories == 5 && all.storedBytes == 3 + 7 + 2)
    let events = try home.streams.read(.init(stream: "events")).events.map(\.type)
    #expect(events.filter { $0 == "snapshot.created" }.count == 2)
  }

  @Test func eachContentIsStoredOnce() async throws {
    try home.shell("cd demo; cp large copy1; cp large src/copy2")
    let snapshot = try await take()
    #expect(snapshot.bytes > 9_000_000 && snapshot.storedBytes < 3_100_000)
    let again = try await take()
    #expect(again.storedBytes == 0 && again.bytes == snapshot.bytes)
    let other = try home.workspace("other")
    try home.shell("cp demo/large other/large")
    let job = try await home.end(of: home.snapshots.snapshot(.init(workspace: other.id)))
    #expect(job.result?["snapshot"]?["storedBytes"] == 0)
  }

  @Test func unchangedFilesAreNotReadAgain() async throws {
    try home.shell("sleep 0.2")
    _ = try await take()
    let known = home.snapshots.knownFiles(of: workspace.id)
    let status = try Directory(path: home.path("demo")).status(of: "large" as FileName)
    #expect(known.content(of: status) != nil)
    // Same size, same time set by hand: the time of the change still tells.
    try home.shell("cd demo; touch -r a.txt ref; printf ONE > a.txt; touch -r ref a.txt; rm ref")
    let second = try await take()
    #expect(second.storedBytes == 3)
  }

  @Test func shortcutsThatAreDamagedOrLostDoNoHarm() async throws {
    let first = try await take()
    try home.shell("f=home/blobs/known/\(workspace.id); printf xy | dd of=$f bs=1 seek=40 conv=notrunc status=none")
    let second = try await take()
    #expect(try changes(first, second) == [])
    // A content that was lost or cut off is stored anew, also where its folder is gone.
    for damage in ["for f in ??/*; do chmod 600 $f; : > $f; done", "rm -rf ??"] {
      try home.shell("cd home/blobs; \(damage)")
      let third = try await take()
      #expect(third.storedBytes == third.bytes, "\(damage)")
      try home.shell("rm demo/large")
      #expect(try await restore(third).state == .succeeded, "\(damage)")
    }
  }

  @Test func pipesAreLeftOutAndTold() async throws {
    try home.shell("mkfifo demo/pipe")
    let started = try home.snapshots.snapshot(.init(workspace: workspace.id))
    let job = try await home.end(of: started)
    #expect(job.result?["snapshot"]?["files"] == 7)
    #expect(try home.lines(of: started).contains { $0.hasPrefix("1 devices, sockets or pipes") })
  }

  @Test func filesThatChangeAllTheTimeAreTakenAsRead() async throws {
    let path = home.path("demo/busy")
    try home.shell("head -c 2000000 /dev/zero > demo/busy")
    let writer = BusyWriter(path)
    defer { writer.stop() }
    // Whether the writer gets a turn within each reading is the scheduler's to say, so it may take some snapshots.
    var isTold = false
    for _ in 0..<50 where !isTold {
      let started = try home.snapshots.snapshot(.init(workspace: workspace.id))
      #expect(try await home.end(of: started).state == .succeeded)
      isTold = try home.lines(of: started).contains { $0.hasPrefix("`busy` changed each time") }
    }
    #expect(isTold)
  }

  @Test func snapshotsAreListedInPages() async throws {
    var ids: [String] = []
    for _ in 0..<5 { ids.insert(try await take().id, at: 0) }
    var found: [String] = []
    var cursor: String?
    repeat {
      let page = try home.snapshots.list(.init(workspace: "demo", limit: 2, cursor: cursor))
      found += page.snapshots.map(\.id)
      cursor = page.nextCursor
    } while cursor != nil
    #expect(found == ids)
    #expect(throws: ProtocolError.self) { try home.snapshots.list(.init(workspace: "demo", cursor: "x")) }
    #expect(throws: ProtocolError.self) { try home.snapshots.get(.init(snapshot: "snap_x")) }
  }

  // MARK: Telling apart

  @Test func everyKindOfChangeIsTold() async throws {
    let first = try await take()
    #expect(try changes(first) == [])
    try home.shell(
      """
      cd demo; printf ONE > a.txt; chmod 600 src/deep/c; rm 'src/b ü.txt'; echo n > src/new; rm link; ln -s src link
      rm dangling; mkdir dangling; echo x > dangling/x; rmdir empty; touch large; echo more > y.log
      """)
    let expected = [
      "modified a.txt", "retyped dangling", "added dangling/x", "removed empty", "modified link", "removed src/b ü.txt",
      "permissions src/deep/c", "added src/new",
    ]
    #expect(try changes(first) == expected)
    let second = try await take()
    #expect(try changes(first, second) == expected)
    #expect(try changes(second, first).count == expected.count)
    let page = try home.snapshots.diff(.init(from: first.id, limit: 3))
    #expect(page.changes.count == 3)
    let rest = try home.snapshots.diff(.init(from: first.id, limit: 100, cursor: page.nextCursor))
    #expect(rest.changes.map(\.path) + page.changes.map(\.path) != [] && rest.changes.count == expected.count - 3)
    #expect(rest.nextCursor == nil)
    let modified = try #require(page.changes.first)
    #expect(modified.sizeBefore == 3 && modified.sizeAfter == 3 && modified.type == .file)
  }

  @Test func aFileThatIsIgnoredNowIsNotRemoved() async throws {
    let first = try await take()
    try home.shell("echo '*.txt' >> demo/.gitignore")
    #expect(try changes(first) == ["modified .gitignore"])
  }

  // MARK: Putting back

  @Test func aWholeRestoreBringsEverythingBack() async throws {
    let snapshot = try await take()
    let before = try listing()
    try home.shell(
      """
      cd demo; printf ONE > a.txt; chmod 600 src/deep/c; rm 'src/b ü.txt'; echo n > src/new; rm link; ln -s src link
      rm dangling; mkdir dangling; echo x > dangling/x; rmdir empty; touch large; mkdir -p add/ed; echo x > add/ed/x
      rm -r src/deep; echo file > src/deep; echo changed > x.log; echo changed > build/o; chmod 750 src
      """)
    let changed = try listing()
    let job = try await restore(snapshot)
    #expect(job.state == .succeeded, "\(job)")
    #expect(try listing() == before)
    #expect(home.text(of: "demo/x.log") == "changed\n" && home.text(of: "demo/build/o") == "changed\n")
    let undo = try home.snapshots.get(.init(snapshot: try #require(job.result?["undo"]?.stringValue)))
    #expect(undo.automatic)
    #expect(try home.leftovers() == "")
    let back = try await restore(undo)
    #expect(back.state == .succeeded, "\(back)")
    #expect(try listing() == changed)
  }

  @Test func everythingIsBroughtBackWithIgnoredFilesOnRequest() async throws {
    let snapshot = try await take(ignored: true)
    let before = try listing(ignored: true)
    try home.shell("cd demo; rm -rf * .git .gitignore; echo new > new")
    #expect(try await restore(snapshot).state == .succeeded)
    #expect(try listing(ignored: true) == before)
  }

  @Test func anUnchangedFolderIsLeftAsItIs() async throws {
    let snapshot = try await take()
    let inodes = try home.shell("cd demo; find . -printf '%i %C@ %P\\n' | sort")
    let job = try await restore(snapshot)
    #expect(job.result?["written"] == 0 && job.result?["removed"] == 0 && job.result?["unchanged"] == 7)
    #expect(try home.shell("cd demo; find . -printf '%i %C@ %P\\n' | sort") == inodes)
  }

  @Test func onlySomePathsAreBroughtBack() async throws {
    let snapshot = try await take()
    try home.shell("cd demo; echo x > a.txt; rm -r src; echo new > new; echo y > large")
    let job = try await restore(snapshot, ["src/deep", "./a.txt"])
    #expect(job.state == .succeeded && job.result?["written"] == 2 && job.result?["removed"] == 0, "\(job)")
    #expect(try home.shell("cd demo; cat a.txt src/deep/c large new; ls src") == "onethreey\nnew\ndeep\n")
    let missing = try #require(throws: ProtocolError.self) {
      try home.snapshots.restore(.init(snapshot: snapshot.id, paths: ["src/none"]))
    }
    #expect(missing.type == .fileNotFound)
    let escaping = try #require(throws: ProtocolError.self) {
      try home.snapshots.restore(.init(snapshot: snapshot.id, paths: ["../x"]))
    }
    #expect(escaping.type == .pathEscapes)
  }

  @Test func foldersAndFilesTakeEachOthersPlace() async throws {
    let snapshot = try await take()
    let before = try listing()
    try home.shell("cd demo; rm a.txt; mkdir -p a.txt/deep; echo x > a.txt/deep/x; rm -r src; ln -s /tmp src")
    #expect(try await restore(snapshot, ["a.txt", "src"]).state == .succeeded)
    try home.shell("cd demo; touch -d '2021-05-05 UTC' src/deep src")
    #expect(try home.shell("cd demo; test ! -e /tmp/deep; cat a.txt src/deep/c") == "onethree")
    #expect(try await restore(snapshot).state == .succeeded)
    #expect(try listing() == before)
  }

  @Test func aFolderWithIgnoredFilesDoesNotMakeWay() async throws {
    let snapshot = try await take()
    try home.shell("cd demo; rm a.txt; mkdir a.txt; echo mine > a.txt/keep.log")
    let before = try home.listing(of: "demo")
    let job = try await restore(snapshot)
    #expect(job.error?.type == "directory_not_empty", "\(job)")
    #expect(try home.listing(of: "demo") == before)
    // The snapshot that was to undo it is gone with it.
    #expect(try home.snapshots.list(.init(workspace: "demo")).snapshots.map(\.id) == [snapshot.id])
  }

  @Test func filesThatTheSnapshotLeftOutAreNotTouchedWhenTheyAreIgnoredNoMore() async throws {
    let snapshot = try await take()
    try home.shell("cd demo; : > .gitignore; mkdir -p sub; echo l > sub/y.log; echo new > new")
    #expect(try await restore(snapshot).state == .succeeded)
    #expect(home.exists("demo/x.log") && home.exists("demo/build/o") && home.exists("demo/sub/y.log"))
    #expect(!home.exists("demo/new"))
  }

  @Test func filesThatAreIgnoredSinceAreKeptForTheUndo() async throws {
    let snapshot = try await take()
    try home.shell("cd demo; echo '*.txt' > .gitignore; echo precious > a.txt; echo secret > other.txt")
    let job = try await restore(snapshot)
    #expect(job.state == .succeeded, "\(job)")
    #expect(home.text(of: "demo/a.txt") == "one")
    // It was not in the snapshot, and nobody keeps it: it stays.
    #expect(home.text(of: "demo/other.txt") == "secret\n")
    let undo = try home.snapshots.get(.init(snapshot: job.result?["undo"]?.stringValue ?? ""))
    #expect(try await restore(undo).state == .succeeded)
    #expect(home.text(of: "demo/a.txt") == "precious\n")
  }

  @Test func damagedContentsAreNamedAndChangeNothing() async throws {
    let snapshot = try await take()
    try home.shell(
      """
      f=$(printf three | sha256sum | cut -c1-64); d=home/blobs/${f:0:2}/$f; chmod 600 $d; printf THREE > $d
      cd demo; rm src/deep/c a.txt
      """)
    let before = try home.listing(of: "demo")
    let job = try await restore(snapshot)
    #expect(job.error?.type == "io_error" && job.error?.message.contains("`src/deep/c`") == true, "\(job)")
    #expect(try home.listing(of: "demo") == before)
    #expect(try await restore(snapshot, ["a.txt"]).state == .succeeded)
    let large = try home.shell("sha256sum demo/large | cut -c1-64").prefix(64)
    try home.shell(
      "d=home/blobs/\(large.prefix(2))/\(large); chmod 600 $d; printf 'damaged, damaged' | dd of=$d seek=99999 bs=1 conv=notrunc status=none; rm demo/large"
    )
    #expect(try await restore(snapshot, ["large"]).error?.type == "io_error")
  }

  // MARK: Deleting

  @Test func deletingFreesWhatNothingElseNeeds() async throws {
    let first = try await take()
    try home.shell("cd demo; printf four > src/new; rm large")
    let second = try await take()
    let same = try await take()
    let count = try blobs()
    #expect(try home.snapshots.delete(.init(snapshot: first.id)).freedBytes == 3_000_000)
    #expect(try blobs() == count - 2)
    #expect(try home.snapshots.delete(.init(snapshot: second.id)).freedBytes == 0)
    #expect(try await restore(same).state == .succeeded)
    for snapshot in try home.snapshots.list(.init(workspace: "demo")).snapshots {
      _ = try home.snapshots.delete(.init(snapshot: snapshot.id))
    }
    #expect(try blobs() == 0)
    #expect(throws: ProtocolError.self) { try home.snapshots.delete(.init(snapshot: first.id)) }
    for table in ["snapshot", "snapshot_blob", "snapshot_manifest", "snapshot_garbage"] {
      #expect(try home.database.read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM \(table)") } == 0)
    }
  }

  @Test func whatARunningSnapshotHasTouchedIsNotRemoved() async throws {
    let first = try await take()
    let manifest = try home.snapshots.manifest(of: home.snapshots.record(first.id))
    let (id, size) = try #require(manifest.blobs.first)
    let count = try blobs()
    try home.snapshots.blobs.withSession { session in
      #expect(try session.holds(id, size: size))
      _ = try home.snapshots.delete(.init(snapshot: first.id))
      #expect(try blobs() == 1 && count > 1)
      #expect(try session.holds(id, size: size))
    }
    // It is still noted, and goes with the next one.
    let second = try await take()
    _ = try home.snapshots.delete(.init(snapshot: second.id))
    #expect(try blobs() == 0)
  }

  @Test func deletingAndTakingAtTheSameTimeLosesNothing() async throws {
    let home = home
    let workspace = workspace
    try await withThrowingTaskGroup(of: Void.self) { group in
      for round in 0..<3 {
        group.addTask {
          for _ in 0..<8 {
            let job = try await home.end(of: home.snapshots.snapshot(.init(workspace: workspace.id)))
            let id = job.result?["snapshot"]?["id"]?.stringValue ?? ""
            if round > 0 { _ = try home.snapshots.delete(.init(snapshot: id)) }
          }
        }
      }
      try await group.waitForAll()
    }
    let kept = try home.snapshots.list(.init(workspace: "demo")).snapshots
    #expect(kept.count == 8)
    for snapshot in kept {
      let manifest = try home.snapshots.manifest(of: home.snapshots.record(snapshot.id))
      for (id, size) in manifest.blobs { _ = try home.snapshots.blobs.read(id, size: size, for: "x") }
    }
    for snapshot in kept { _ = try home.snapshots.delete(.init(snapshot: snapshot.id)) }
    #expect(try blobs() == 0)
  }

  @Test func whatABrokenOffSnapshotHasStoredIsRemovedAtTheStart() async throws {
    let kept = try await take()
    let count = try blobs()
    try home.shell(
      """
      cd home/blobs; f=$(printf orphan | sha256sum | cut -c1-64); mkdir -p ${f:0:2}; printf orphan > ${f:0:2}/$f
      : > temporary/session-9; printf half > temporary/blob-7
      """)
    #expect(try blobs() == count + 1)
    let next = try PlacementHome(in: home.folder)
    try next.snapshots.recover()
    #expect(try blobs() == count)
    #expect(try home.leftovers() == "")
    #expect(try await restore(kept).state == .succeeded)
  }

  @Test func theSnapshotsOfAWorkspaceThatIsGoneGoWithIt() async throws {
    _ = try await take()
    _ = try await take(ignored: true)
    try home.snapshots.deleteAll(ofWorkspace: workspace.id)
    #expect(try blobs() == 0)
    #expect(try home.snapshots.list(.init(workspace: workspace.id)).snapshots == [])
  }
}

/// Writes to a file all the time, on a thread of its own, and has begun when it is made.
private final class BusyWriter: Sendable {
  private let isStopped = Atomic(false)
  private let count = Atomic(0)

  init(_ path: String) {
    startDetached("writer") {
      let file = open(path, O_WRONLY)
      while !self.isStopped.load(ordering: .relaxed) {
        _ = pwrite(file, "x", 1, 0)
        self.count.wrappingAdd(1, ordering: .relaxed)
      }
      close(file)
    }
    while count.load(ordering: .relaxed) == 0 { sched_yield() }
  }

  func stop() { isStopped.store(true, ordering: .relaxed) }
}
