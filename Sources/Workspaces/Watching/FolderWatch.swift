internal import BerthProtocol
internal import Platform
internal import Streams

/// One `file/watch`: what it looks at, and what it knows. Used with the service's lock held.
final class FolderWatch {
  let journal: MemoryJournal
  /// The workspace's folder.
  let root: Directory
  /// The folder that is watched, below the workspace's.
  let start: RelativePath
  /// The only entry of that folder that is told, where a file is watched.
  let onlyName: FileName?
  let isRecursive: Bool
  let gitignore: Bool
  private let filter: ListFilter
  private let debounceNanoseconds: Int64

  /// The watched folder; nil when the watch has ended.
  var folder: WatchedFolder?
  /// Folders above it that are looked at for its own removal.
  var guards: [Inotify.Watch] = []
  /// What was moved away and has not arrived where anybody looks, by the cookies of the moves.
  var departures: [UInt32: WatchedFolder.Origin] = [:]
  /// The number of the entry that was put last.
  var lastSerial: UInt64 = 0
  /// Folders that are to be looked at.
  private var noted: [WatchedFolder] = []
  /// When to look at them; nil while there are none.
  var lookAt: Int64?
  /// How many looks in a row have left something that could not be found.
  var fruitlessLooks = 0

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

  // MARK: What is told

  /// Whether an entry of a folder is told.
  func tells(_ name: FileName, _ path: RelativePath, _ kind: FileKind, in folder: WatchedFolder) -> Bool {
    counts(name, path, kind, in: folder) && filter.shows(path, isFolder: kind == .directory)
  }

  /// Whether an entry of a folder is itself a folder that is watched.
  func enters(_ name: FileName, _ path: RelativePath, _ kind: FileKind, in folder: WatchedFolder) -> Bool {
    kind == .directory && isRecursive && path.bytes.count <= Self.maxPathBytes
      && counts(name, path, kind, in: folder) && filter.enters(path)
  }

  /// What is in a folder with a longer path may have a path that no system call takes, nor a request.
  private static let maxPathBytes = 4095 - 256

  private func counts(_ name: FileName, _ path: RelativePath, _ kind: FileKind, in folder: WatchedFolder) -> Bool {
    if let onlyName { return name == onlyName }
    if name.isStaging { return false }
    guard gitignore else { return true }
    if name == IgnoreRules.repositoryName { return false }
    guard let rules = folder.rules else { return true }
    return !rules.leavesOut(path.components, isFolder: kind == .directory)
  }

  /// Whether what is told depends on the path, and not on the folder alone.
  func dependsOnPath(_ folder: WatchedFolder) -> Bool { filter.isSelective || folder.rules != nil }

  // MARK: What is to be looked at

  /// Notes that a folder is to be looked at. Called by the folder when it is marked.
  func note(_ folder: WatchedFolder) {
    noted.append(folder)
  }

  var hasNotes: Bool { !noted.isEmpty }

  /// Where what is to be looked at should have come from.
  var notedOrigins: [WatchedFolder.Origin] { noted.flatMap { $0.marks.compactMap(\.origin) } }

  /// Takes the folders that are to be looked at, those above others first.
  func takeNotes() -> [WatchedFolder] {
    defer { noted = [] }
    var seen: Set<ObjectIdentifier> = []
    return noted.filter { seen.insert(ObjectIdentifier($0)).inserted && $0.isAttached }
      .map { (folder: $0, depth: $0.depth) }.sorted { $0.depth < $1.depth }.map(\.folder)
  }

  /// Forgets what was to be looked at in folders that are not watched any more.
  func forgetNotesOfGone() { noted.removeAll { !$0.isAttached } }

  /// Sees to it that what is noted is looked at in time.
  func schedule(now: Int64) {
    if !hasNotes {
      lookAt = nil
    } else if lookAt == nil {
      lookAt = now + debounceNanoseconds
    }
  }

  /// Writes changes to the journal.
  func tell(_ changes: [FolderChange]) {
    for change in changes {
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

/// One change, as a watch tells it.
struct FolderChange: Sendable, Hashable {
  enum What: Sendable, Hashable {
    case created
    case changed
    case deleted
    case moved(from: RelativePath)
  }

  var what: What
  /// Below the workspace's folder; the new one of a move.
  var path: RelativePath
  var kind: FileKind
}
