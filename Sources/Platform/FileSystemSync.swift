internal import CPlatform

extension Directory {
  /// Waits until everything on the folder's file system is on the disk: one wait for any number of files.
  package func synchronizeFileSystem() throws(SystemError) {
    let opened = try open(.root, [.read, .directory])
    try platformCall("syncfs") { opened.withDescriptor { berth_sync_file_system($0) } }
  }
}
