import Synchronization
package import BerthProtocol
package import Platform

/// What a caller is about to do with a workspace's files.
package enum WorkspaceAccess: Sendable {
  case read
  /// Refused for an archived workspace, and while a job replaces its files.
  case write
  /// For the job that holds the claim.
  case replace
}

/// A workspace whose folder is open.
package struct OpenWorkspace: Sendable {
  package let workspace: Workspace
  package let directory: Directory
}

extension WorkspaceService {
  /// Opens a workspace's folder. The folder is the recorded one, or the call fails: what stands at the path is looked
  /// at each time, and an open folder is used again as long as that is the same.
  ///
  /// - Parameter reference: An id, key or slug.
  /// - Throws: `workspace_not_found`; `folder_missing` where the folder is gone or another one stands in its place;
  ///   `permission_denied`; for writing also `workspace_archived` and `workspace_busy`.
  package func open(_ reference: String, for access: WorkspaceAccess) throws -> OpenWorkspace {
    let record = try record(reference)
    switch access {
    case .read: break
    case .write:
      guard record.state != .archived else { throw ProtocolError.workspaceArchived(record) }
      try checkIdle(record)
    case .replace:
      guard record.state != .archived else { throw ProtocolError.workspaceArchived(record) }
    }
    let directory = try openFolder(of: record)
    return OpenWorkspace(
      workspace: record.workspace(folderState: .present, keepSeconds: 0), directory: directory)
  }

  private func openFolder(of record: WorkspaceRecord) throws -> Directory {
    let look: FolderLook
    do throws(SystemError) {
      look = try FolderLook.at(record.path)
    } catch {
      throw ProtocolError.folderUnusable(record, error.meansMissing ? .missing : .inaccessible)
    }
    guard look.isDirectory, record.owns(look.identity) else { throw ProtocolError.folderUnusable(record, .replaced) }
    if let directory = directories.withLock({ $0.find(record.id, look.identity) }) { return directory }
    let directory: Directory
    do throws(SystemError) {
      directory = try Directory(path: record.path)
    } catch {
      throw ProtocolError.folderUnusable(record, error.meansMissing ? .missing : .inaccessible)
    }
    // The path may have been given to another folder since it was looked at.
    let opened = try directory.descriptor.withDescriptor { try FolderLook.of(descriptor: $0) }.identity
    guard record.owns(opened) else { throw ProtocolError.folderUnusable(record, .replaced) }
    directories.withLock { $0.add(directory, record.id, opened) }
    return directory
  }
}

/// Folders of workspaces that were opened lately; the one not used for the longest time makes way.
struct DirectoryCache {
  private struct Entry {
    var directory: Directory
    var identity: FolderIdentity
    var lastUse: UInt64
  }

  static let capacity = 64

  private var entries: [String: Entry] = [:]
  private var uses: UInt64 = 0

  var count: Int { entries.count }

  /// The open folder of a workspace, where it is this one.
  mutating func find(_ id: String, _ identity: FolderIdentity) -> Directory? {
    guard let entry = entries[id] else { return nil }
    guard entry.identity == identity else {
      entries[id] = nil
      return nil
    }
    uses += 1
    entries[id]?.lastUse = uses
    return entry.directory
  }

  mutating func add(_ directory: Directory, _ id: String, _ identity: FolderIdentity) {
    if entries.count >= Self.capacity, entries[id] == nil,
      let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
    {
      entries[oldest.key] = nil
    }
    uses += 1
    entries[id] = Entry(directory: directory, identity: identity, lastUse: uses)
  }

  mutating func remove(_ id: String) {
    entries[id] = nil
  }
}
