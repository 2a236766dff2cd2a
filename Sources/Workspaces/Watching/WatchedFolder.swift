internal import Platform

/// A folder that a watch watches. Used with the table's lock held.
final class WatchedFolder {
  let watch: FolderWatch
  /// nil for the watch's own folder, and for one that is no longer watched.
  private(set) weak var parent: WatchedFolder?
  private(set) var name: FileName?
  private(set) var children: [FileName: WatchedFolder] = [:]
  /// nil while it is not with inotify.
  var id: Inotify.Watch?
  /// What it holds, as far as it is told: the kind for the hash of each name. It tells what is new from what is
  /// replaced, in a few bytes for each file.
  var known: [Int: FileKind] = [:]
  var rules: IgnoreRules?

  init(_ watch: FolderWatch) {
    self.watch = watch
  }

  /// Below the workspace's folder.
  var path: RelativePath {
    var names: [FileName] = []
    var folder = self
    while let name = folder.name, let parent = folder.parent {
      names.append(name)
      folder = parent
    }
    return names.reversed().reduce(watch.start) { $0.appending($1.bytes) }
  }

  /// Whether it still belongs to its watch.
  var isAttached: Bool {
    var folder = self
    while let parent = folder.parent { folder = parent }
    return folder === watch.folder
  }

  func addChild(_ name: FileName) -> WatchedFolder {
    let child = WatchedFolder(watch)
    child.parent = self
    child.name = name
    children[name] = child
    return child
  }

  /// Puts a folder that was taken from another under a name here.
  func adopt(_ child: WatchedFolder, as name: FileName) {
    child.parent = self
    child.name = name
    children[name] = child
  }

  /// Takes a folder out, with all below it.
  func removeChild(_ name: FileName) -> WatchedFolder? {
    let child = children.removeValue(forKey: name)
    child?.parent = nil
    return child
  }

  /// Itself and all folders below it.
  var all: [WatchedFolder] {
    var found = [self]
    var index = 0
    while index < found.count {
      found += found[index].children.values
      index += 1
    }
    return found
  }
}
