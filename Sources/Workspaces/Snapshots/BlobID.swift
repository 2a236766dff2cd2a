internal import Crypto

/// What a content is known by: its SHA-256.
struct BlobID: Sendable, Hashable {
  private let words: SIMD4<UInt64>

  static let byteCount = 32

  init(_ digest: SHA256Digest) {
    words = digest.withUnsafeBytes { Self.words($0) }
  }

  init(hashing bytes: UnsafeRawBufferPointer) {
    var hash = SHA256()
    hash.update(bufferPointer: bytes)
    self.init(hash.finalize())
  }

  /// nil unless there are 32 bytes.
  init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == Self.byteCount else { return nil }
    words = Array(bytes).withUnsafeBytes { Self.words($0) }
  }

  /// nil unless it is 64 hexadecimal digits.
  init?(hexadecimal: some Collection<UInt8>) {
    guard hexadecimal.count == 2 * Self.byteCount else { return nil }
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in hexadecimal {
      let digit: UInt8
      switch character {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = character - UInt8(ascii: "a") + 10
      default: return nil
      }
      if let first = high {
        bytes.append(first << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    self.init(bytes)
  }

  private static func words(_ bytes: UnsafeRawBufferPointer) -> SIMD4<UInt64> {
    var words = SIMD4<UInt64>()
    for index in 0..<4 {
      words[index] = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
    }
    return words
  }

  var bytes: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
      for index in 0..<Self.byteCount { buffer[index] = byte(index) }
      count = Self.byteCount
    }
  }

  @inline(__always)
  private func byte(_ index: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: words[index / 8] >> UInt64(56 - index % 8 * 8))
  }

  /// Its first byte, by which blobs are sorted into folders.
  var shard: UInt8 { UInt8(truncatingIfNeeded: words[0] >> 56) }

  /// In 64 hexadecimal digits.
  var hexadecimal: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 2 * Self.byteCount) { buffer, count in
      for index in 0..<Self.byteCount {
        let byte = byte(index)
        buffer[2 * index] = Self.digit(byte >> 4)
        buffer[2 * index + 1] = Self.digit(byte & 15)
      }
      count = 2 * Self.byteCount
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}

extension BlobID: CustomStringConvertible {
  var description: String { String(decoding: hexadecimal, as: UTF8.self) }
}
