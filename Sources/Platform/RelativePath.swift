/// A path below a folder, in the file system's own terms: bytes, which need not be valid UTF-8.
///
/// It is kept in one form: no slash at either end, no empty part, no `.` and no `..`. The empty path is the folder
/// itself. Paths compare part by part and byte by byte, which is the order in which a folder tree is walked: a folder,
/// what it holds, then what stands behind it.
package struct RelativePath: Sendable, Hashable {
  package let bytes: [UInt8]

  /// The folder itself.
  package static let root = RelativePath(checked: [])

  private init(checked bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// Why a path is refused.
  package enum Fault: Error, Sendable {
    /// It begins with a slash.
    case absolute
    /// Its `..` parts lead above the folder.
    case escapes
    /// It holds a NUL byte, which no file's name can.
    case containsNul
  }

  /// Brings a path to its one form. `..` takes back the part before it, whatever that is on disk.
  package init(_ string: String) throws(Fault) {
    try self.init(bytes: Array(string.utf8))
  }

  package init(bytes: [UInt8]) throws(Fault) {
    if bytes.first == slash { throw .absolute }
    if bytes.contains(0) { throw .containsNul }
    self.bytes = Self.isPlain(bytes) ? bytes : try Self.normalised(bytes)
  }

  /// Whether a path is in its one form as it stands, which nearly all are.
  private static func isPlain(_ bytes: [UInt8]) -> Bool {
    var start = 0
    for index in 0...bytes.count where index == bytes.count || bytes[index] == slash {
      let length = index - start
      if length == 0 { return bytes.isEmpty }
      if bytes[start] == dot && (length == 1 || (length == 2 && bytes[start + 1] == dot)) { return false }
      start = index + 1
    }
    return true
  }

  private static func normalised(_ bytes: [UInt8]) throws(Fault) -> [UInt8] {
    var parts: [ArraySlice<UInt8>] = []
    for part in bytes.split(separator: slash) where part != [dot] {
      if part == [dot, dot] {
        if parts.popLast() == nil { throw .escapes }
      } else {
        parts.append(part)
      }
    }
    return Array(parts.joined(separator: [slash]))
  }
}

extension RelativePath {
  package var isRoot: Bool { bytes.isEmpty }

  /// The path as text; each byte that is not valid UTF-8 is replaced by U+FFFD.
  package var string: String { String(decoding: bytes, as: UTF8.self) }

  /// Whether `string` is the path exactly.
  package var isValidUTF8: Bool { String(validating: bytes, as: UTF8.self) != nil }

  /// Its parts, from the folder down.
  package var components: [ArraySlice<UInt8>] { bytes.split(separator: slash) }

  /// How many parts it has; 0 for the folder itself.
  package var depth: Int { bytes.isEmpty ? 0 : bytes.reduce(1) { $1 == slash ? $0 + 1 : $0 } }

  /// What stands before the last slash; the folder itself where there is none.
  package var parent: RelativePath {
    guard let last = bytes.lastIndex(of: slash) else { return .root }
    return RelativePath(checked: Array(bytes[..<last]))
  }

  /// What stands behind the last slash; empty for the folder itself.
  package var name: ArraySlice<UInt8> {
    guard let last = bytes.lastIndex(of: slash) else { return bytes[...] }
    return bytes[(last + 1)...]
  }

  /// The path of `name`, one part that a folder listing gave, below this one.
  package func appending(_ name: some Collection<UInt8>) -> RelativePath {
    if isRoot { return RelativePath(checked: Array(name)) }
    var joined: [UInt8] = []
    joined.reserveCapacity(bytes.count + 1 + name.count)
    joined += bytes
    joined.append(slash)
    joined += name
    return RelativePath(checked: joined)
  }

  /// The path of `other` below this one.
  package func appending(_ other: RelativePath) -> RelativePath {
    other.isRoot ? self : appending(other.bytes)
  }

  /// Whether `other` is this path or below it.
  package func contains(_ other: RelativePath) -> Bool {
    if isRoot { return true }
    guard other.bytes.starts(with: bytes) else { return false }
    return other.bytes.count == bytes.count || other.bytes[bytes.count] == slash
  }

  /// This path as seen from `folder`, which contains it.
  package func relative(to folder: RelativePath) -> RelativePath {
    if folder.isRoot { return self }
    return RelativePath(checked: Array(bytes.dropFirst(folder.bytes.count + 1)))
  }
}

extension RelativePath: Comparable {
  package static func < (left: RelativePath, right: RelativePath) -> Bool {
    // As bytes, except that the slash stands before every other byte.
    for (one, other) in zip(left.bytes, right.bytes) where one != other {
      return one == slash || (other != slash && one < other)
    }
    return left.bytes.count < right.bytes.count
  }
}

extension RelativePath: CustomStringConvertible {
  /// As in messages: `.` for the folder itself.
  package var description: String { isRoot ? "." : string }
}

private let slash = UInt8(ascii: "/")
private let dot = UInt8(ascii: ".")
