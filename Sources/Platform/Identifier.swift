internal import Glibc
internal import Synchronization

/// Makes ids: short, sortable by the time they were made, and unique without coordination.
///
/// An id is a prefix, `_`, and a UUIDv7 (RFC 9562 §5.7) in 26 characters of Crockford's base32, lower case. Ids that one
/// process makes are strictly ascending, those of the same millisecond and those after a clock set back included
/// (RFC 9562 §6.2, method 2).
package enum Identifier {
  /// A new id, such as `ws_06bdyk3h8w0t2s4f6n1q9r7xzc`.
  package static func make(_ prefix: String) -> String {
    let (high, low) = state.withLock { $0.next(milliseconds: UInt64(Timestamp.nanosecondsNow() / 1_000_000)) }
    let length = prefix.utf8.count + 1 + characterCount
    return String(unsafeUninitializedCapacity: length) { buffer in
      var index = 0
      for byte in prefix.utf8 {
        buffer[index] = byte
        index += 1
      }
      buffer[index] = UInt8(ascii: "_")
      encode(high: high, low: low, into: buffer, from: index + 1)
      return length
    }
  }

  /// How many characters stand for the 128 bits.
  static let characterCount = 26

  private static let state = Mutex(State())
  private static let alphabet: StaticString = "0123456789abcdefghjkmnpqrstvwxyz"

  private static func encode(high: UInt64, low: UInt64, into buffer: UnsafeMutableBufferPointer<UInt8>, from: Int) {
    var high = high
    var low = low
    for index in stride(from: from + characterCount - 1, through: from, by: -1) {
      buffer[index] = alphabet.utf8Start[Int(low & 31)]
      low = (low >> 5) | (high << 59)
      high >>= 5
    }
  }

  /// The last UUID that was made, taken apart: 48 bits of time and 74 of chance.
  private struct State {
    var milliseconds: UInt64 = 0
    var chanceHigh: UInt64 = 0  // 12 bits
    var chanceLow: UInt64 = 0  // 62 bits

    mutating func next(milliseconds now: UInt64) -> (high: UInt64, low: UInt64) {
      if now > milliseconds {
        milliseconds = now
        // The top bit begins as 0, so that counting up has room within the millisecond.
        chanceHigh = UInt64.random(in: 0..<(1 << 11))
        chanceLow = UInt64.random(in: 0..<(1 << 62))
      } else {
        chanceLow += UInt64.random(in: 1...(1 << 32))
        if chanceLow >= 1 << 62 {
          chanceLow &= (1 << 62) - 1
          chanceHigh += 1
        }
        if chanceHigh >= 1 << 12 {
          chanceHigh = 0
          milliseconds += 1
        }
      }
      return ((milliseconds << 16) | (7 << 12) | chanceHigh, (2 << 62) | chanceLow)
    }
  }
}
