package import BerthProtocol
internal import Platform

extension FileService {
  /// Deletes a file, a link itself or a folder, as `file/delete` does.
  package func delete(_ params: FileDelete.Params) throws -> FileDelete.Result {
    let path = try Self.path(params.path)
    let opened = try workspaces.open(params.workspace, for: .write)
    guard !path.isRoot else {
      throw ProtocolError(
        .invalidArgument, "The workspace's own folder is not deleted by path. Use `workspace/delete`.")
    }
    return try telling(of: path) {
      let place = try opened.directory.place(of: path)
      let status = try place.directory.status(of: place.name)
      try check(params.ifMatch, status, path)
      let entries: Int
      if status.kind != .directory {
        try place.directory.removeFile(place.name)
        entries = 1
      } else if params.recursive {
        entries = try place.directory.removeTree(place.name, checkpoint: checkCancellation)
      } else {
        try removeEmpty(place)
        entries = 1
      }
      return FileDeleted(path: path.description, entries: entries)
    }
  }

  /// Removes a folder that holds nothing that is listed.
  private func removeEmpty(_ place: Place) throws(SystemError) {
    do {
      try place.directory.removeDirectory(place.name)
    } catch  where error.errno == SystemError.Code.notEmpty {
      let (folder, _) = try place.directory.listing(of: place.name)
      guard try folder.removeStaleStagedFiles() > 0 else { throw error }
      try place.directory.removeDirectory(place.name)
    }
  }

  /// Makes a folder, as `file/mkdir` does.
  package func mkdir(_ params: FileMkdir.Params) throws -> FileMkdir.Result {
    let path = try Self.newPath(params.path)
    let folder = try workspaces.open(params.workspace, for: .write).directory
    return try telling(of: path, makes: true) {
      guard !path.isRoot else {
        guard params.parents else { throw ProtocolError.alreadyExists(path, "It is the workspace's own folder.") }
        return try info(at: path, in: folder)
      }
      let place = try place(of: path, in: folder, createParents: params.parents)
      do {
        try place.directory.makeDirectory(place.name, permissions: 0o755)
        if let mode = params.mode {
          try place.directory.open(place.name, [.read, .directory]).setPermissions(UInt32(mode))
        }
      } catch let error as SystemError where error.errno == SystemError.Code.exists && params.parents {
        // Taken as made, where it or what a link there leads to is a folder.
        _ = try folder.openDirectory(path)
      }
      return try info(at: path, in: folder)
    }
  }
}

/// Ends long work whose caller has gone.
func checkCancellation() throws {
  if Task.isCancelled { throw CancellationError() }
}
