import Storage
import BerthProtocol
import Glibc
import Platform

/// Which folders may be workspaces, and which must never be moved or removed.
struct FolderRules: Sendable {
  /// The home of Berth. Canonical.
  let home: String
  /// The home directories of the user. Canonical.
  let userHomes: [String]

  /// Where folders of the home's own workspaces are.
  let workspaces: String
  /// Where deleted workspaces wait.
  let trash: String

  init(home: Home, userHomes: [String]) {
    self.home = home.path
    self.userHomes = userHomes
    workspaces = home.workspaces
    trash = home.trash
  }

  /// The home directories of the server's user: by the environment and by the user database.
  static func userHomesOfThisProcess() -> [String] {
    var homes: [String] = []
    if let variable = getenv("HOME") { homes.append(String(cString: variable)) }
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16384) { buffer in
      if let start = buffer.baseAddress, getpwuid_r(getuid(), &entry, start, buffer.count, &found) == 0, found != nil,
        let directory = entry.pw_dir
      {
        homes.append(String(cString: directory))
      }
    }
    return homes.compactMap { try? FolderPath.canonical($0) }
  }

  /// Whether a folder is one that Berth made room for in its home.
  func isManaged(_ path: String) -> Bool {
    path != workspaces && FolderPath.contains(workspaces, path)
  }

  /// Throws `invalid_argument` unless a workspace may be at that canonical path.
  func checkMayBeWorkspace(_ path: String) throws {
    if FolderPath.contains(path, home) {
      throw ProtocolError(
        .invalidArgument,
        "The folder \(path) holds Berth's own home, \(home), and cannot be a workspace. Choose a folder beside it.")
    }
    if FolderPath.contains(home, path) && !isManaged(path) {
      throw ProtocolError(
        .invalidArgument,
        "The folder \(path) is a part of Berth's own home and cannot be a workspace. Leave the path out to have one made."
      )
    }
  }

  /// Throws `invalid_argument` where a folder must never be moved or removed, whoever asks: the root, a user's home
  /// directory, Berth's home, whatever holds one of these, and a mount point.
  func checkMayBeMoved(_ path: String, _ look: FolderLook) throws {
    func refuse(_ reason: String) -> ProtocolError {
      ProtocolError(
        .invalidArgument,
        "The folder \(path) \(reason), which Berth never moves or deletes. Delete the workspace with `files: keep`.")
    }
    if path == "/" { throw refuse("is the root of the file system") }
    for userHome in userHomes where FolderPath.contains(path, userHome) {
      throw refuse(path == userHome ? "is a home directory" : "holds the home directory \(userHome)")
    }
    if FolderPath.contains(path, home) { throw refuse("holds Berth's own home") }
    if path == workspaces || path == trash { throw refuse("is a part of Berth's own home") }
    if try isMountPoint(path, look) { throw refuse("is a mount point") }
  }

  private func isMountPoint(_ path: String, _ look: FolderLook) throws -> Bool {
    if let isMountPoint = look.isMountPoint { return isMountPoint }
    // A kernel that does not say: a folder on another device than the one that holds it is a mount point.
    return try FolderLook.at(FolderPath.parent(of: path)).identity.device != look.identity.device
  }
}
