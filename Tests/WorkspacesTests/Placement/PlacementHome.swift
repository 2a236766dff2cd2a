import BerthProtocol
import Foundation
import JSON
import Jobs
import Platform
import Storage
import Streams
import Synchronization
import TestSupport
import Testing

@testable import Workspaces

/// A home with workspaces and everything that puts files into them.
final class PlacementHome: Sendable {
  let folder: TemporaryFolder
  let home: String
  let database: Storage.Database
  let streams: StreamStore
  let workspaces: WorkspaceService
  let jobs: JobStore
  let placements: Placements
  let templates: TemplateService
  let archives: ArchiveService
  let snapshots: SnapshotService

  /// - Parameters:
  ///   - folder: An earlier home's, to be the server that comes after it.
  ///   - probe: Called at each moment of each placement.
  init(
    in folder: TemporaryFolder? = nil, limits: TemplatesConfig = TemplatesConfig(),
    probe: @escaping @Sendable (Placements.Moment) throws -> Void = { _ in }
  ) throws {
    let folder = try folder ?? TemporaryFolder()
    self.folder = folder
    home = "\(folder.path)/home"
    if mkdir(home, 0o700) == 0 {}
    database = try Storage.Database(
      path: "\(folder.path)/home/berth.sqlite", durability: .normal,
      migrations: StreamStore.migrations + JobStore.migrations + WorkspaceService.migrations + Placements.migrations
        + SnapshotService.migrations)
    streams = StreamStore(database: database, retention: StreamsConfig())
    workspaces = try WorkspaceService(home: home, database: database, streams: streams, trashSeconds: { 3600 })
    jobs = JobStore(database: database, streams: streams)
    placements = Placements(workspaces: workspaces, database: database, durability: .normal, probe: probe)
    templates = TemplateService(
      home: Home(home), workspaces: workspaces, jobs: jobs, placements: placements, limits: { limits })
    archives = ArchiveService(
      workspaces: workspaces, jobs: jobs, placements: placements, limits: { limits })
    snapshots = try SnapshotService(
      home: Home(home), workspaces: workspaces, jobs: jobs, placements: placements, database: database,
      streams: streams, durability: .normal)
  }

  /// The path of something in the test's folder.
  func path(_ name: String) -> String { "\(folder.path)/\(name)" }

  /// A workspace with files in it.
  func workspace(_ name: String = "demo", _ files: [String: String] = [:]) throws -> Workspace {
    for (file, text) in files { try folder.write("\(name)/\(file)", text) }
    return try workspaces.create(WorkspaceCreate.Params(name: name, path: path(name))).workspace
  }

  func text(of name: String) -> String? {
    (try? folder.read(name)) ?? nil
  }

  func exists(_ name: String) -> Bool {
    var found = stat()
    return lstat(path(name), &found) == 0
  }

  /// The job as it ended.
  func end(of started: JobStarted) async throws -> Job {
    let job = try await jobs.get(JobGet.Params(job: started.job.id, waitSeconds: 60))
    #expect(job.endedAt != nil, "the job has not ended within 60 s")
    return job
  }

  /// What the job told on its way.
  func lines(of started: JobStarted) throws -> [String] {
    let events = try streams.read(StreamRead.Params(stream: started.job.stream)).events
    return events.compactMap { $0.payload["message"]?.stringValue }
  }

  /// Waits until a file holds a line.
  func awaitText(of name: String) async throws -> String {
    let path = path(name)
    return try await withDeadline(seconds: 30, name) {
      while true {
        let bytes = (try? SmallFile.read(path)).flatMap { $0 } ?? []
        if bytes.last == 10 { return String(decoding: bytes.dropLast(), as: UTF8.self) }
        try await Task.sleep(for: .milliseconds(5))
      }
    }
  }

  /// Waits until a process is no more.
  func awaitEnd(of pid: String) async throws -> Bool {
    let number = try #require(pid_t(pid))
    return try await withDeadline(seconds: 30, "the end of process \(pid)") {
      while kill(number, 0) == 0 { try await Task.sleep(for: .milliseconds(5)) }
      return true
    }
  }

  /// What the stages have left behind, anywhere in the test's folder.
  func leftovers() throws -> String {
    try shell("find . -name '.berth-stage-*' | sort; test ! -e home/blobs/temporary || ls home/blobs/temporary")
  }

  /// Runs a shell script in the test's folder and returns what it prints.
  @discardableResult
  func shell(_ script: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-euc", script]
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    let text = String(decoding: bytes, as: UTF8.self)
    guard process.terminationStatus == 0 else { throw ShellFailure(script: script, output: text) }
    return text
  }

  /// All that lies below a folder: names, types, permissions, times, sizes, targets and digests.
  ///
  /// - Parameter skipsTop: Whether the folder itself does not count.
  func listing(of name: String, skipsTop: Bool = false) throws -> String {
    try shell(
      """
      cd \(name)
      find . -mindepth \(skipsTop ? 1 : 0) -not -name '.berth-stage-*' -printf '%P %y %m %T@ %l %s\\n' | sed -E 's/^(.* d .*) [0-9]+$/\\1/' | sort
      find . -type f -print0 | sort -z | xargs -0 -r sha256sum
      """)
  }
}

struct ShellFailure: Error, CustomStringConvertible {
  let script: String
  let output: String

  var description: String { "\(script)\n\(output)" }
}

/// A failure that a test lets happen.
struct Injected: Error {}
