internal import BerthProtocol
internal import Glibc
internal import Platform

/// The rules for names and links that come from outside.
enum EntryName {
  /// How deep a tree may be: far deeper than people make them, and not so deep that a stack would overflow.
  static let maximumDepth = 256

  /// Brings the name of an entry to its one form. `.` and a slash at the end are harmless, all else is refused.
  static func check(
    _ name: [UInt8], refusal: (_ reason: String, _ entry: String?) -> ProtocolError
  ) throws -> RelativePath {
    func refused(_ reason: String) -> ProtocolError { refusal(reason, String(decoding: name, as: UTF8.self)) }
    guard name.first != UInt8(ascii: "/") else { throw refused("it is an absolute path") }
    guard name.count < Int(PATH_MAX) else { throw refused("its name is over \(PATH_MAX - 1) bytes") }
    var depth = 0
    for part in name.split(separator: UInt8(ascii: "/")) {
      if part == [UInt8(ascii: "."), UInt8(ascii: ".")] { throw refused("`..` leads out of the folder") }
      if part.count > Int(NAME_MAX) { throw refused("a part of its name is over \(NAME_MAX) bytes") }
      // Names of Berth's own are hidden from every listing.
      if FileName(part)?.isStaging == true { throw refused("names that begin with `.berth-` are Berth's own") }
      depth += 1
      if depth > maximumDepth { throw refused("it lies more than \(maximumDepth) folders deep") }
    }
    do {
      return try RelativePath(bytes: name)
    } catch {
      throw refused("its name is no file's name")
    }
  }
}

extension RelativePath {
  /// What speaks against a link at this path by its words alone; nil where nothing does.
  func reasonAgainstLink(to target: [UInt8]) -> String? {
    let text = String(decoding: target, as: UTF8.self)
    guard let first = target.first else { return "the link leads nowhere" }
    if first == UInt8(ascii: "/") { return "the link leads to the absolute path `\(text)`" }
    if target.count >= Int(PATH_MAX) { return "what the link holds is over \(PATH_MAX - 1) bytes" }
    let folder = parent.bytes
    do {
      _ = try RelativePath(bytes: folder.isEmpty ? target : folder + [UInt8(ascii: "/")] + target)
      return nil
    } catch {
      return "the link leads out of the folder, to `\(text)`"
    }
  }
}
