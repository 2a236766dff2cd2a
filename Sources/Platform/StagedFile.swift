internal import CPlatform
internal import Glibc
internal import Synchronization

/// A file that is written under a name of Berth's own, and gets its real name in one step when it is complete.
///
/// Until `commit`, nobody sees the new content under the real name; without it, the file goes when the object goes.
/// What a killed process leaves behind is removed by `Directory.removeStaleStagedFiles`.
package final class StagedFile {
  package let directory: Directory
  package let descriptor: OwnedDescriptor
  private let name: FileName
  private var isCommitted = false

  /// - Parameter permissions: the permission bits, less the umask.
  package init(in directory: Directory, permissions: UInt32 = 0o600) throws(SystemError) {
    self.directory = directory
    name = StagedName.next()
    descriptor = try directory.open(name, [.write, .create, .exclusive], permissions: permissions)
  }

  deinit {
    if !isCommitted { try? directory.removeFile(name) }
  }

  /// Takes over what belongs to a file rather than to its content: owner, group, permission bits, user attributes and
  /// access control list of the file at `place`.
  ///
  /// Throws `EPERM` where the process may not give a file that owner or group.
  package func adoptAttributes(of place: Place, _ status: FileStatus) throws(SystemError) {
    let own = try descriptor.status()
    if own.owner != status.owner || own.group != status.group {
      try descriptor.setOwner(status.owner, group: status.group)
    }
    // After the owner, which takes the set-id bits away; before the access control list, which holds its own.
    if own.permissions != status.permissions { try descriptor.setPermissions(status.permissions) }
    try platformCall("setxattr", place.name.string) {
      place.directory.descriptor.withDescriptor { folder in
        descriptor.withDescriptor { file in place.name.withCString { berth_copy_attributes(folder, $0, file) } }
      }
    }
  }

  /// Makes sure that the file's time of change differs from `earlier`, of the file that it will replace, whose inode
  /// number the next one may get.
  ///
  /// File systems take their times from a clock that advances every few milliseconds. Two files written one after the
  /// other could not be told apart without this.
  package func becomeNewer(than earlier: FileStatus) throws(SystemError) {
    let own = try descriptor.status().modified
    // Times of the future are somebody's choice and say nothing about this second.
    guard own <= earlier.modified, earlier.modified - own < 1_000_000_000 else { return }
    try descriptor.setModified(nanosecondsSince1970: max(earlier.modified + 1, Timestamp.nanosecondsNow()))
  }

  /// Gives the file its real name, in its folder.
  ///
  /// - Parameter durably: whether content and name are on the disk when this returns.
  /// - Returns: what the file is now. (A rename changes its `changed`.)
  package func commit(
    as newName: FileName, _ collision: Directory.Collision, durably: Bool = false
  )
    throws(SystemError) -> FileStatus
  {
    if durably { try descriptor.synchronize() }
    try directory.rename(name, to: Place(directory: directory, name: newName), collision)
    isCommitted = true
    if durably { try directory.synchronize() }
    return try descriptor.status()
  }
}

extension Directory {
  /// Removes the staged files that processes left behind in this folder when they were killed. Returns how many.
  @discardableResult
  package func removeStaleStagedFiles() throws(SystemError) -> Int {
    var removed = 0
    for entry in try entries() where StagedName.isStale(entry.name) {
      // Files of other process namespaces look stale; they live for moments only.
      guard let status = try? status(of: entry.name), status.kind == .file,
        Timestamp.nanosecondsNow() - status.changed > StagedName.graceNanoseconds
      else { continue }
      if (try? removeFile(entry.name)) != nil { removed += 1 }
    }
    return removed
  }
}

/// The names of staged files: `.berth-write-`, the process's number, a word of this process's own, and a count.
enum StagedName {
  /// How long after its last change a file is let be, whoever wrote it.
  static let graceNanoseconds: Int64 = 10_000_000_000

  private static let prefix = ".berth-write-"
  private static let own = "\(prefix)\(getpid())-\(String(UInt32.random(in: .min ... .max), radix: 36))-"
  private static let count = Atomic<Int>(0)

  static func next() -> FileName {
    let number = count.wrappingAdd(1, ordering: .relaxed).newValue
    return FileName(checked: (own + String(number, radix: 36)).utf8)
  }

  /// Whether a process wrote this name that is no more.
  static func isStale(_ name: FileName) -> Bool {
    guard name.bytes.starts(with: prefix.utf8), !name.bytes.starts(with: own.utf8) else { return false }
    let rest = name.string.dropFirst(prefix.count)
    guard let process = rest.split(separator: "-").first.flatMap({ pid_t($0) }), process > 0 else { return false }
    // This process's number with another word is of a time before a restart.
    return process == getpid() || (kill(process, 0) != 0 && errno == ESRCH)
  }
}
