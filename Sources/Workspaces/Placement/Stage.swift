internal import BerthProtocol
internal import Glibc
internal import Platform

/// A folder of Berth's own in which a tree is put together before it takes its place in a workspace.
///
/// It stands beside the workspace's folder where that is possible, so that the two can be exchanged; else inside it. It
/// is always on the same file system, because what is staged is put in place by renaming.
struct Stage: Sendable {
  /// The job that it belongs to.
  let job: String
  /// The workspace's id.
  let workspace: String
  /// The workspace's folder.
  let folder: String
  /// The folder that the stage is in, as an absolute path.
  let parentPath: String
  let parent: Directory
  let name: FileName
  /// The stage itself.
  let directory: Directory

  /// Where the new tree is put together.
  static let tree: FileName = "tree"
  /// Where what makes way is kept.
  static let old: FileName = "old"
  /// Where what a restore brings back is put together.
  static let new: FileName = "new"

  /// Whether it stands beside the workspace's folder.
  var isBeside: Bool { parentPath != folder }

  static func name(for job: String) -> FileName? { FileName(".berth-stage-\(job)") }

  /// Makes a folder in the stage.
  func makeFolder(_ name: FileName) throws(SystemError) -> Directory {
    try directory.makeDirectory(name, permissions: 0o700)
    return try open(name)
  }

  /// Makes the tree the content of a folder in a new tree.
  func nestTree(in folder: RelativePath) throws(SystemError) {
    try directory.rename(Self.tree, to: Place(directory: directory, name: Self.new), .refuse)
    let place = try makeFolder(Self.tree).place(of: folder, makingParents: 0o755)
    try directory.rename(Self.new, to: place, .refuse)
  }

  func open(_ name: FileName) throws(SystemError) -> Directory {
    Directory(adopting: try directory.open(name, [.location, .directory]))
  }

  /// A path beneath a folder of the stage, as plans name it.
  static func slot(_ folder: FileName, _ path: RelativePath) -> RelativePath {
    RelativePath.root.appending(folder.bytes).appending(path)
  }
}
