internal import BerthProtocol
internal import Platform

/// What of a snapshot is to be put back.
struct RestoreScope: Sendable {
  /// nil for the whole: what was added since is removed then.
  private let paths: [RelativePath]?

  /// - Throws: `path_escapes` for a path that leads out of the workspace, `file_not_found` for one at which the snapshot
  ///   holds nothing.
  init(_ paths: [String]?, in manifest: SnapshotManifest, of snapshot: String) throws {
    self.paths = try paths?.map { text in
      let path: RelativePath
      do throws(RelativePath.Fault) {
        path = try RelativePath(text)
      } catch {
        throw ProtocolError(.pathEscapes, "The path `\(text)` leads out of the workspace. Pass one below its folder.")
      }
      guard manifest[path] != nil else {
        throw ProtocolError(
          .fileNotFound, "The snapshot `\(snapshot)` holds nothing at `\(text)`. `snapshot/diff` tells what it holds.")
      }
      return path
    }
  }

  /// Whether what was added since the snapshot goes.
  var isWhole: Bool { paths == nil }

  /// Whether an entry of the snapshot is put back.
  func contains(_ path: RelativePath) -> Bool { paths?.contains { $0.contains(path) } ?? true }

  /// Whether something that is put back lies below a folder.
  func isBelow(_ folder: RelativePath) -> Bool { paths?.contains { folder.contains($0) } ?? true }
}
