internal import Crypto

/// What a content is known by: its SHA-256.
struct BlobID: Sendable, Hashable {
  private let words: SIMD4<UInt64>

  static let byteCount = 32

  init(_ digest: SHA256Digest) {
    self.init(bytes: digest)
  }

  init(hashing bytes: UnsafeRawBufferPointer) {
    var hash = SHA256()
    hash.update(bufferPointer: bytes)
    self.init(hash.finalize())
  }

  /// nil unless there are 32 bytes.
  init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == Self.byteCount else { return nil }
    self.init(bytes: bytes)
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
    self.init(bytes: bytes)
  }

  private init(bytes: some Sequence<UInt8>) {
    var words = SIMD4<UInt64>()
    for (index, byte) in bytes.enumerated() { words[index / 8] = words[index / 8] << 8 | UInt64(byte) }
    self.words = words
  }

  var bytes: [UInt8] {
    (0..<Self.byteCount).map { UInt8(truncatingIfNeeded: words[$0 / 8] >> UInt64(56 - $0 % 8 * 8)) }
  }

  /// Its first byte, by which blobs are sorted into folders.
  var shard: UInt8 { UInt8(truncatingIfNeeded: words[0] >> 56) }

  /// In 64 hexadecimal digits.
  var hexadecimal: [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
  }
}

extension BlobID: CustomStringConvertible {
  var description: String { String(decoding: hexadecimal, as: UTF8.self) }
}
