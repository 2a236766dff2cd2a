import Glibc
import Platform

/// Files and folders of `/proc`, which are made as they are read and tell no size.
enum ProcFile {
  /// What a file holds, up to a limit; nil where it is gone, as its process may be, or not for this user.
  static func read(_ path: String, limitBytes: Int = 64 << 10) throws(SystemError) -> [UInt8]? {
    let number = open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else {
      if isUsual(errno) { return nil }
      throw SystemError("open", path: path)
    }
    let descriptor = OwnedDescriptor(adopting: number)
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: min(limitBytes, 4096))
    while bytes.count < limitBytes {
      let count: Int
      do throws(SystemError) {
        count = try block.withUnsafeMutableBufferPointer { (block) throws(SystemError) in
          try descriptor.read(into: UnsafeMutableRawBufferPointer(block))
        }
      } catch {
        // The process has ended since it was opened.
        if isUsual(error.errno) { return nil }
        throw error
      }
      if count == 0 { break }
      bytes += block[..<count]
      if count == block.count, block.count < 64 << 10 { block = [UInt8](repeating: 0, count: block.count * 4) }
    }
    return bytes
  }

  /// The numbers among a folder's names, such as processes and descriptors; none where it is gone or not for this user.
  static func numbers(in path: String) -> [Int32] {
    guard let listing = opendir(path) else { return [] }
    defer { closedir(listing) }
    var numbers: [Int32] = []
    while let entry = readdir(listing) {
      let number = withUnsafeBytes(of: &entry.pointee.d_name) { name -> Int32? in
        var number: Int32 = 0
        for byte in name.prefix(while: { $0 != 0 }) {
          guard 48...57 ~= byte, number < 100_000_000 else { return nil }
          number = number * 10 + Int32(byte - 48)
        }
        return number
      }
      if let number, entry.pointee.d_name.0 != 0x2E { numbers.append(number) }
    }
    return numbers
  }

  /// The process is gone, or it is another user's.
  private static func isUsual(_ error: Int32) -> Bool {
    [ENOENT, ESRCH, EACCES, EPERM].contains(error)
  }
}
