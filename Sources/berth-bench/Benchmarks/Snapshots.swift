import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform

/// A snapshot of many files, beside `cp -a` of the same tree on the same disk.
enum Snapshots {
  private static let files = 10_000
  private static let bytesPerFile = 20_000
  private static let rounds = 3

  static func run(_ bench: Bench) throws -> [Row] {
    guard let copy = Program.find("cp") else { throw BenchmarkFailure("there is no cp") }
    let tree = bench.scratch.newPath("tree")
    defer { Scratch.removeFolder(tree) }
    try SampleTree.make(tree, files: files, bytesPerFile: bytesPerFile)
    var (copied, first, again, restored): ([Double], [Double], [Double], [Double]) = ([], [], [], [])
    for _ in 0..<min(rounds, bench.rounds) {
      let target = bench.scratch.newPath("copy")
      copied.append(try seconds { try bench.scratch.run(copy, ["-a", tree, target]) })
      // The copy is what is taken: each round has new files, and a home that knows none of them.
      let server = try bench.startServer()
      defer {
        server.stop()
        Scratch.removeFolder(target)
      }
      let client = try server.client()
      let workspace = try client.request(WorkspaceCreate.self, .init(name: "bench", path: target)).workspace.id
      func snapshot() throws -> String {
        let started = try client.request(WorkspaceSnapshot.self, .init(workspace: workspace, waitSeconds: 600))
        guard started.job.state == .succeeded, let id = started.job.result?["snapshot"]?["id"]?.stringValue else {
          throw BenchmarkFailure("the snapshot failed: \(started.job.error?.message ?? started.job.state.rawValue)")
        }
        return id
      }
      var id = ""
      first.append(try seconds { id = try snapshot() })
      again.append(try seconds { id = try snapshot() })
      try SampleTree.empty(target)
      restored.append(
        try seconds {
          let started = try client.request(SnapshotRestore.self, .init(snapshot: id, waitSeconds: 600))
          guard started.job.state == .succeeded else {
            throw BenchmarkFailure("the restore failed: \(started.job.error?.message ?? started.job.state.rawValue)")
          }
        })
    }
    let copying = Series(values: copied)
    let figure = { Figure.nanoseconds($0 * 1e9) }
    return [
      Row(
        "snapshot of 10,000 files, 200 MB", Series(values: first), beside: "cp -a", copying, target: .ratioAtMost(3),
        figure: figure),
      Row(
        "the same again, unchanged", figure(Series(values: again).median), target: .atMost(.nanoseconds(0.3e9))),
      Row(
        "restored into the emptied folder", Series(values: restored), beside: "cp -a", copying, target: .ratioAtMost(3),
        figure: figure),
    ]
  }

  /// How long something takes. What others have written before is on the disk by then.
  private static func seconds(_ body: () throws -> Void) rethrows -> Double {
    sync()
    let began = Timestamp.monotonicNanoseconds()
    try body()
    return Double(Timestamp.monotonicNanoseconds() - began) / 1e9
  }
}
