import CPlatform
import Glibc
import Platform

/// The folder that a shim writes an app's output to: segments with the names `0000000001.log`, `0000000002.log` and so
/// on, of which the one with the highest number grows and the lowest ones are deleted in time.
struct SegmentFolder: Sendable {
  let path: String

  /// The number of the first segment ever.
  static let first: UInt64 = 1
  private static let suffix = ".log"
  private static let digits = 10

  /// The numbers of the segments that there are, the oldest first; none where there is no folder.
  func segments() throws(SystemError) -> [UInt64] {
    guard let listing = opendir(path) else {
      if errno == ENOENT { return [] }
      throw SystemError("opendir", path: path)
    }
    defer { closedir(listing) }
    var segments: [UInt64] = []
    while let entry = readdir(listing) {
      let number = withUnsafeBytes(of: &entry.pointee.d_name) { Self.number(ofName: $0) }
      if let number { segments.append(number) }
    }
    return segments.sorted()
  }

  /// Opens a segment for reading; nil where it is gone or not there yet.
  func open(_ segment: UInt64) throws(SystemError) -> OwnedDescriptor? {
    let path = path(of: segment)
    let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW
    // Nobody asks when a log was last read. Only its owner may keep that from being written down.
    var number = Glibc.open(path, flags | BERTH_O_NOATIME)
    if number < 0, errno == EPERM { number = Glibc.open(path, flags) }
    if number >= 0 { return OwnedDescriptor(adopting: number) }
    if errno == ENOENT { return nil }
    throw SystemError("open", path: path)
  }

  func exists(_ segment: UInt64) -> Bool {
    access(path(of: segment), F_OK) == 0
  }

  func path(of segment: UInt64) -> String {
    let number = String(segment)
    let zeros = String(repeating: "0", count: max(0, Self.digits - number.utf8.count))
    return "\(path)/\(zeros)\(number)\(Self.suffix)"
  }

  private static func number(ofName name: UnsafeRawBufferPointer) -> UInt64? {
    let name = name.prefix { $0 != 0 }
    guard name.count == digits + suffix.utf8.count, name.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) else {
      return nil
    }
    var number: UInt64 = 0
    for byte in name.prefix(digits) {
      guard 48...57 ~= byte else { return nil }
      number = number * 10 + UInt64(byte - 48)
    }
    return number
  }
}
