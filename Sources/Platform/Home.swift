internal import Glibc

/// Where a server keeps its state, and where its sockets are.
package struct Home: Sendable, Hashable {
  /// The folder, as an absolute path without a slash at its end.
  package let path: String

  /// - Parameter path: The folder; nil for `BERTH_HOME`, else `$XDG_STATE_HOME/berth`, else `~/.local/state/berth`.
  package init(_ path: String? = nil) {
    let chosen = path ?? Self.environment("BERTH_HOME") ?? Self.standardPath
    self.path = Self.absolute(chosen)
  }

  package var database: String { path + "/berth.sqlite" }
  package var config: String { path + "/config.json" }
  package var lock: String { path + "/lock" }
  /// The host keys of remote machines that were accepted.
  package var knownHosts: String { path + "/known_hosts" }
  /// Rows for the catalog, of the user's own.
  package var catalog: String { path + "/catalog" }
  package var logs: String { path + "/logs" }
  package var log: String { path + "/logs/berth.log" }
  package var blobs: String { path + "/blobs" }
  package var templates: String { path + "/templates" }
  package var trash: String { path + "/trash" }
  /// What encrypts secrets in the database.
  package var secretKey: String { path + "/secret.key" }
  /// A folder for each process tree that is held by a shim.
  package var shims: String { path + "/shims" }
  /// What apps write.
  package var apps: String { path + "/apps" }
  package var workspaces: String { path + "/workspaces" }

  /// The socket that clients connect to, unless the server was started with another one.
  ///
  /// A socket's path may be 103 bytes long. Where it would be longer, a short name made from the home's path, in a
  /// private folder under the temporary directory, takes its place.
  package var socket: String {
    let isStandard = path == Self.absolute(Self.standardPath)
    if isStandard, let runtime = Self.environment("XDG_RUNTIME_DIR"), runtime.utf8.count + 18 <= Self.longestSocket {
      return runtime + "/berth/berth.sock"
    }
    let inHome = path + "/berth.sock"
    guard Self.handoverSocket(for: inHome).utf8.count > Self.longestSocket else { return inHome }
    let temporary = Self.environment("TMPDIR").flatMap { $0.utf8.count < 40 ? $0 : nil } ?? "/tmp"
    return "\(temporary)/berth-\(geteuid())/\(shortName).sock"
  }

  /// Beside a server's socket stands the one on which it takes over other processes' standard input and output.
  package static func handoverSocket(for socket: String) -> String { socket + ".io" }

  /// The longest path of a socket that both the kernel and the event loop take, in bytes.
  package static let longestSocket = 103

  /// Makes the folders that are missing; what is new can be entered by the owner only.
  package func create() throws(SystemError) {
    try Self.createPrivateFolder(path)
    for folder in [logs, blobs, templates, trash, workspaces, shims, apps] { try Self.createPrivateFolder(folder) }
  }

  /// Makes a folder and those above it, and makes sure that it belongs to this user and that nobody else can enter.
  package static func createPrivateFolder(_ path: String) throws(SystemError) {
    var info = stat()
    if lstat(path, &info) != 0 {
      guard errno == ENOENT else { throw SystemError("lstat", path: path) }
      if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
        try createFolder(String(path[..<slash]))
      }
      guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw SystemError("mkdir", path: path) }
      guard lstat(path, &info) == 0 else { throw SystemError("lstat", path: path) }
    }
    if info.st_mode & S_IFMT == S_IFLNK { guard stat(path, &info) == 0 else { throw SystemError("stat", path: path) } }
    guard info.st_mode & S_IFMT == S_IFDIR else {
      throw SystemError(errno: ENOTDIR, operation: "open", path: path)
    }
    guard info.st_uid == geteuid() else { throw SystemError(errno: EACCES, operation: "open", path: path) }
    if info.st_mode & 0o077 != 0 {
      guard chmod(path, 0o700) == 0 else { throw SystemError("chmod", path: path) }
    }
  }

  private static func createFolder(_ path: String) throws(SystemError) {
    if access(path, F_OK) == 0 { return }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try createFolder(String(path[..<slash])) }
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw SystemError("mkdir", path: path) }
  }

  // MARK: Parts

  private static var standardPath: String {
    if let state = environment("XDG_STATE_HOME"), state.hasPrefix("/") { return state + "/berth" }
    return (environment("HOME") ?? "/root") + "/.local/state/berth"
  }

  private static func environment(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }

  /// The path from the root, with the links on it resolved as far as it exists, so that one folder has one name.
  private static func absolute(_ path: String) -> String {
    if let resolved = realpath(path, nil) {
      defer { free(resolved) }
      return String(cString: resolved)
    }
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    guard let slash = path.lastIndex(of: "/") else { return absolute(".") + "/" + path }
    let parent = slash == path.startIndex ? "/" : absolute(String(path[..<slash]))
    return (parent == "/" ? "" : parent) + path[slash...]
  }

  /// Sixteen hexadecimal digits that stand for the home's path (FNV-1a).
  package var shortName: String {
    let hash = path.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
