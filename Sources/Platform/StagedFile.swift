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
  /// The file whose place it takes, where that is known.
  private var replaced: FileStatus?

  /// - Parameter permissions: the permission bits, less the umask.
  package init(in directory: Directory, permissions: UInt32 = 0o600) throws(SystemError) {
    self.directory = directory
    name = StagedName.next()
    descriptor = try directory.open(name, [.write, .create, .exclusive], permissions: permissions)
  }

  deinit {
    if !isCommitted { try? directory.removeFile(name) }
  }

  /// Takes over what belongs to a file rather than to its content from the one at `place`: owner, group, permission
  /// bits, user attributes and access control list. Its time of change becomes later than that one's.
  ///
  /// Call it when the content is written: writing takes set-id bits away.
  ///
  /// - Throws: `EPERM` where the process may not give a file that owner or group.
  package func takeOver(from place: Place, _ status: FileStatus) throws(SystemError) {
    replaced = status
    let own = try descriptor.status()
    if own.owner != status.owner || own.group != status.group {
      try descriptor.setOwner(status.owner, group: status.group)
    }
    try platformCall("setxattr", place.name.string) {
      place.directory.descriptor.withDescriptor { folder in
        descriptor.withDescriptor { file in place.name.withCString { berth_copy_attributes(folder, $0, file) } }
      }
    }
    // After the owner, whose change takes the set-id bits away, and the list, which counts among the bits.
    try descriptor.setPermissions(status.permissions)
    // File systems take their times from a clock that advances every few milliseconds, and give inode numbers out
    // again: without this, two files written one after the other could look like one.
    if own.modified <= status.modified, status.modified - own.modified < Self.clockToleranceNanoseconds {
      try descriptor.setModified(nanosecondsSince1970: max(status.modified + 1, Timestamp.nanosecondsNow()))
    }
  }

  /// Times that lie further in the future are somebody's choice and left behind.
  private static let clockToleranceNanoseconds: Int64 = 1_000_000_000

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
    let place = Place(directory: directory, name: newName)
    if collision == .replace, let replaced, replaced.links == 1, 1...ReplacedFiles.maximumBytes ~= replaced.size {
      try ReplacedFiles.shared.replacing(newName, in: directory, on: replaced.identity.device) {
        () throws(SystemError) in
        try directory.rename(name, to: place, collision)
      }
    } else {
      try directory.rename(name, to: place, collision)
    }
    isCommitted = true
    if durably { try directory.synchronize() }
    return try descriptor.status()
  }
}

extension FileName {
  /// A name of Berth's own, for something that will be renamed when it is complete. If this process is killed before,
  /// `Directory.removeStaleStagedFiles` removes it.
  package static func nextStagingName() -> FileName { StagedName.next() }
}

extension Directory {
  /// Removes the staged files that processes left behind in this folder when they were killed. Returns how many.
  ///
  /// - Parameter graceNanoseconds: How long after its last change a file is let be: processes of other namespaces, which
  ///   cannot be seen, may be at work on it. That takes moments for a file; folders, whose copying may take hours, are
  ///   let be for a day.
  @discardableResult
  package func removeStaleStagedFiles(
    graceNanoseconds: Int64 = StagedName.fileGraceNanoseconds
  ) throws(SystemError) -> Int {
    var removed = 0
    for entry in try entries() where StagedName.isStale(entry.name) {
      guard let status = try? status(of: entry.name) else { continue }
      let grace = status.kind == .directory ? StagedName.treeGraceNanoseconds : graceNanoseconds
      guard Timestamp.nanosecondsNow() - status.changed > grace else { continue }
      if (try? removeTree(entry.name, checkpoint: {})) != nil { removed += 1 }
    }
    return removed
  }
}

/// The names of staged files: `.berth-write-`, the process's number, a word of this process's own, and a count.
package enum StagedName {
  package static let fileGraceNanoseconds: Int64 = 10_000_000_000
  static let treeGraceNanoseconds: Int64 = 86_400_000_000_000

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
