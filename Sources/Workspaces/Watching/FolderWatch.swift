internal import BerthProtocol
internal import Platform
internal import Streams

/// One `file/watch`: what it looks at, and what it has gathered. Used with the table's lock held.
final class FolderWatch {
  let journal: MemoryJournal
  /// The workspace's folder.
  let root: Directory
  /// The folder that is watched, below the workspace's.
  let start: RelativePath
  /// The only entry of that folder that is told, where a file is watched.
  let onlyName: FileName?
  let isRecursive: Bool
  private let filter: ListFilter
  let gitignore: Bool
  private let debounceNanoseconds: Int64

  var changes = GatheredChanges()
  /// When the changes are to be told; nil while there are none.
  private(set) var tellAt: Int64?
  /// The watched folder; nil when the watch has ended.
  var folder: WatchedFolder?
  /// Folders above it that are looked at for its own removal.
  var guards: [Inotify.Watch] = []

  /// More than these are told before their time.
  private static let maxGathered = 20_000

  init(_ request: WatchRequest) {
    journal = request.journal
    root = request.workspace.directory
    start = request.start
    onlyName = request.onlyName
    filter = request.filter
    isRecursive = request.params.recursive && onlyName == nil
    // Who names a file wants it.
    gitignore = request.params.gitignore && onlyName == nil
    debounceNanoseconds = Int64(request.params.debounceMs) * 1_000_000
  }

  /// Whether an entry of a folder is told.
  func tells(_ name: FileName, _ path: RelativePath, isFolder: Bool, in folder: WatchedFolder) -> Bool {
    counts(name, path, isFolder: isFolder, in: folder) && filter.shows(path, isFolder: isFolder)
  }

  /// Whether a folder in a folder is watched too.
  func enters(_ name: FileName, _ path: RelativePath, in folder: WatchedFolder) -> Bool {
    isRecursive && counts(name, path, isFolder: true, in: folder) && filter.enters(path)
  }

  private func counts(_ name: FileName, _ path: RelativePath, isFolder: Bool, in folder: WatchedFolder) -> Bool {
    if let onlyName { return name == onlyName }
    if name.isStaging { return false }
    guard gitignore else { return true }
    return name != IgnoreRules.repositoryName && folder.rules?.leavesOut(path.components, isFolder: isFolder) != true
  }

  /// Sees to it that what was gathered is told in time.
  func noteChanges(now: Int64) {
    if changes.isEmpty {
      tellAt = nil
    } else if tellAt == nil || changes.count > Self.maxGathered {
      tellAt = changes.count > Self.maxGathered ? now : now + debounceNanoseconds
    }
  }

  /// Writes what was gathered to the journal.
  func tell() {
    tellAt = nil
    for change in changes.drain() {
      var payload = FileChanged(path: change.path.description, type: FileType(change.kind))
      let type: String
      switch change.what {
      case .created: type = EventType.fileCreated
      case .changed: type = EventType.fileChanged
      case .deleted: type = EventType.fileDeleted
      case .moved(let origin):
        type = EventType.fileMoved
        payload.from = origin.description
      }
      journal.append(type: type, payload: payload)
    }
  }
}
