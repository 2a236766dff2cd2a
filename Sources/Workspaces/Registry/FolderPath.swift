import BerthProtocol
import Glibc
import Platform

/// Absolute paths of folders, as text.
///
/// They are compared by their bytes, as the system does: two spellings of one letter are two names.
enum FolderPath {
  private static let slash = UInt8(ascii: "/")

  /// The path without links, `.`, `..` and doubled slashes. What does not exist yet at its end is kept as it is.
  ///
  /// Throws `invalid_argument` for a path that is not absolute, has `..` in a part that does not exist, or is not
  /// UTF-8 once its links are resolved, and a `SystemError` where a part of it cannot be looked at.
  static func canonical(_ path: String) throws -> String {
    guard path.utf8.first == slash else {
      throw ProtocolError(.invalidArgument, "The path `\(path)` is not absolute. Pass one that begins with `/`.")
    }
    guard !path.utf8.contains(0) else {
      throw ProtocolError(.invalidArgument, "The path holds a zero byte, which no path can.")
    }
    var missing: [Substring] = []
    var existing = path.utf8[...]
    while true {
      if let resolved = try resolve(String(Substring(existing))) {
        return missing.reversed().reduce(resolved) { join($0, String($1)) }
      }
      while existing.last == slash { existing.removeLast() }
      let start = existing.lastIndex(of: slash).map(existing.index(after:)) ?? existing.startIndex
      let part = Substring(existing[start...])
      guard part != ".." else {
        throw ProtocolError(
          .invalidArgument, "The path `\(path)` leads back out of a folder that does not exist. Write it without `..`.")
      }
      if part != "." { missing.append(part) }
      existing = existing[..<start]
    }
  }

  /// Whether `path` is `folder` or lies below it. Both are canonical.
  static func contains(_ folder: String, _ path: String) -> Bool {
    guard folder != "/", path.utf8.starts(with: folder.utf8) else { return folder == "/" }
    return path.utf8.dropFirst(folder.utf8.count).first.map { $0 == slash } ?? true
  }

  static func join(_ folder: String, _ name: String) -> String {
    folder.utf8.last == slash ? folder + name : "\(folder)/\(name)"
  }

  /// The folder that a path is in; `/` for itself.
  static func parent(of path: String) -> String {
    guard let end = path.utf8.lastIndex(of: slash), end != path.startIndex else { return "/" }
    return String(path[..<end])
  }

  /// The last part of a path; empty for `/`.
  static func name(of path: String) -> String {
    String(path[(path.utf8.lastIndex(of: slash).map(path.utf8.index(after:)) ?? path.startIndex)...])
  }

  /// realpath(3), and nil where nothing is there. A link that leads nowhere is not followed further: making a folder
  /// in its place would fail in any case.
  private static func resolve(_ path: String) throws -> String? {
    guard let resolved = realpath(path, nil) else {
      let code = errno
      if code == ENOENT { return nil }
      throw SystemError(errno: code, operation: "realpath", path: path)
    }
    defer { free(resolved) }
    guard let string = String(validatingCString: resolved) else {
      throw ProtocolError(.invalidArgument, "The path `\(path)` leads to a folder whose name is not valid UTF-8.")
    }
    return string
  }
}
