import ArgumentParser
import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform

/// The workspace that a command is about.
struct WorkspaceArgument: ParsableArguments {
  @Argument(
    help: "Its id, key or slug; `.` or another path for the workspace that holds it.",
    completion: .custom { _, _, _ in Completion.workspaces() })
  var workspace: String
}

extension Context {
  /// What to call the server with: references go as they are, paths become the id of the innermost workspace whose
  /// folder holds them.
  func reference(_ text: String) throws -> String {
    // Keys and slugs begin with a letter or a digit, so that nothing is ambiguous.
    guard text.utf8.first == UInt8(ascii: ".") || text.utf8.first == UInt8(ascii: "/") else { return text }
    let path = Self.canonical(try Self.absolute(text))
    guard let innermost = try holder(of: path) else {
      throw Failure(
        "no workspace holds \(path)", status: .notFound, hint: "`berth workspace create \(text)` makes it one")
    }
    return innermost.id
  }

  /// The innermost workspace whose folder holds a path, which is absolute and without links; nil where none does.
  func holder(of path: String) throws -> Workspace? {
    try allWorkspaces().filter { path == $0.path || path.hasPrefix($0.path + "/") }
      .max { $0.path.utf8.count < $1.path.utf8.count }
  }

  func allWorkspaces(
    labels: [String: String]? = nil, states: [WorkspaceState]? = nil
  ) throws -> [Workspace] {
    var all: [Workspace] = []
    var cursor: String?
    repeat {
      let page = try request(
        WorkspaceList.self, .init(labels: labels, states: states, limit: 1000, cursor: cursor))
      all += page.workspaces
      cursor = page.nextCursor
    } while cursor != nil
    return all
  }

  /// A path without links, `.` and `..`; as it is where nothing is there.
  static func canonical(_ path: String) -> String {
    guard let resolved = realpath(path, nil) else { return path }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}

/// What a shell is offered to complete a word with. Nothing is started for it, and nothing said when it fails.
enum Completion {
  static func workspaces() -> [String] {
    ask { context in try context.allWorkspaces().flatMap { [$0.slug] + ($0.key.map { [$0] } ?? []) } }
  }

  static func methods() -> [String] {
    MethodTable.methods.map { $0.description.name }
  }

  static func streams() -> [String] {
    ask { context in try context.request(StreamList.self, .init(limit: 1000)).streams.map(\.name) }
  }

  static func jobs() -> [String] {
    ask { context in try context.request(JobList.self, .init()).jobs.map(\.id) }
  }

  /// The names of apps; with the workspace before those that several have.
  static func apps() -> [String] {
    ask { context in
      let apps = try context.allApps()
      let slugs = try context.workspaceNames(of: apps)
      let counts = Dictionary(grouping: apps, by: \.app).mapValues(\.count)
      return apps.map { counts[$0.app] == 1 ? $0.app : "\(slugs[$0.workspace] ?? $0.workspace)/\($0.app)" }
    }
  }

  static func ask(_ question: (Context) throws -> [String]) -> [String] {
    guard var options = try? CommandOptions.parse([]) else { return [] }
    options.noStart = true
    return (try? question(Context(options))) ?? []
  }
}
