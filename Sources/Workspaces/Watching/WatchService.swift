package import BerthProtocol
internal import Platform
package import Streams
internal import Synchronization

/// Tells what changes in the folders of workspaces: `file/watch`.
///
/// One inotify queue and one thread serve all watches of the server. What a watch tells goes to a journal in memory, so
/// that a client that reads slowly, or comes back within a minute, has it all. Changes are gathered for a moment, and
/// then the difference is told: see `Reconciliation`. Watched folders are followed wherever they are moved within the
/// watch, links are never followed, and what is lost when the system's queue overflows is told as a gap.
///
/// A watch ends, and its stream with it, when its folder is removed or moved away, when a limit keeps it from being
/// whole, or a minute after its last attachment.
package final class WatchService: Sendable {
  private let workspaces: any WorkspaceFolders
  private let streams: StreamStore
  private let loop: WatchLoop

  /// - Parameters:
  ///   - maximumDirectories: The most folders watched at once by all watches together. Asked for at each new one.
  ///   - lingerSeconds: How long a watch goes on without an attachment.
  package init(
    workspaces: any WorkspaceFolders, streams: StreamStore, maximumDirectories: @escaping @Sendable () -> Int,
    lingerSeconds: Double = 60
  ) throws {
    self.workspaces = workspaces
    self.streams = streams
    loop = WatchLoop(
      streams: streams, maximumDirectories: maximumDirectories, lingerNanoseconds: Int64(lingerSeconds * 1e9))
  }

  deinit {
    loop.stop()
  }

  /// How many watches there are.
  package var count: Int { loop.count }

  /// Begins to watch a folder or a file, as `file/watch` does. Returns the name of the stream, which holds every change
  /// from then on.
  ///
  /// - Throws: `workspace_not_found`, `folder_missing`, `file_not_found`, `path_escapes`, `limit_reached`,
  ///   `invalid_argument`.
  package func watch(_ params: FileWatch.Params) throws -> String {
    let path = try params.path.map(FileService.path) ?? .root
    let filter = try ListFilter(include: params.include, exclude: params.exclude)
    let opened = try workspaces.open(params.workspace, for: .read)
    return try telling(of: path) {
      let (start, onlyName) = try Self.start(path, in: opened.directory)
      let name = "workspace/\(opened.workspace.id)/files/\(Identifier.make("watch"))"
      let journal = MemoryJournal(name: name, capacityBytes: Self.journalBytes)
      try loop.start(
        WatchRequest(
          journal: journal, workspace: opened, start: start, onlyName: onlyName, filter: filter, params: params))
      return name
    }
  }

  /// Notes that somebody follows a stream. Streams of other kinds are no concern of this.
  package func attached(_ stream: String) { loop.attached(stream) }

  /// Notes that somebody follows a stream no longer.
  package func detached(_ stream: String) { loop.detached(stream) }

  /// Ends the watches of a workspace, when it is deleted.
  ///
  /// - Parameter workspace: Its id.
  package func end(workspace: String) { loop.end(streamsBeginningWith: "workspace/\(workspace)/files/") }

  /// How much each watch keeps for those that lag behind.
  private static let journalBytes = 4 << 20

  /// The folder to watch, and the one entry in it that counts where the path leads to a file.
  private static func start(
    _ path: RelativePath, in folder: Directory
  ) throws(SystemError) -> (RelativePath, FileName?) {
    do {
      _ = try folder.openDirectory(path)
      return (path, nil)
    } catch {
      guard error.errno == SystemError.Code.notDirectory, let name = FileName(path.name) else { throw error }
      let place = try folder.place(of: path)
      _ = try place.directory.status(of: name)
      return (path.parent, name)
    }
  }
}

/// What a watch is begun with.
struct WatchRequest: Sendable {
  let journal: MemoryJournal
  let workspace: OpenWorkspace
  let start: RelativePath
  let onlyName: FileName?
  let filter: ListFilter
  let params: FileWatch.Params
}
