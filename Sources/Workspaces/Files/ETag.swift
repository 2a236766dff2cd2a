internal import Platform

/// Stands for one content of a file.
///
/// It is made of the inode, the size, and the times when the content and the file were last changed, all to the
/// nanosecond. Every change that goes through the system changes it: the second time cannot be set by a program. Two
/// changes by others that leave the size as it is, within one tick of a file system's clock (some milliseconds before
/// Linux 6.13, which tells them apart), look the same. Files that Berth writes always differ.
enum ETag {
  /// 128 bits in 26 characters.
  static func make(_ status: FileStatus) -> String {
    let parts = [
      status.identity.inode, UInt64(bitPattern: status.size), UInt64(bitPattern: status.modified),
      UInt64(bitPattern: status.changed),
    ]
    var high: UInt64 = 0x243f_6a88_85a3_08d3
    var low: UInt64 = 0x1319_8a2e_0370_7344
    for part in parts {
      high = mixed(high ^ part)
      low = mixed((low &+ part) ^ (high << 32 | high >> 32))
    }
    return String(unsafeUninitializedCapacity: 26) { buffer in
      for index in stride(from: 25, through: 0, by: -1) {
        buffer[index] = alphabet.utf8Start[Int(low & 31)]
        low = low >> 5 | high << 59
        high >>= 5
      }
      return 26
    }
  }

  private static let alphabet: StaticString = "0123456789abcdefghjkmnpqrstvwxyz"

  /// A permutation of 64-bit numbers that spreads every bit over all (the finalizer of MurmurHash3).
  private static func mixed(_ value: UInt64) -> UInt64 {
    var value = value
    value = (value ^ value >> 33) &* 0xff51_afd7_ed55_8ccd
    value = (value ^ value >> 33) &* 0xc4ce_b9fe_1a85_ec53
    return value ^ value >> 33
  }
}
