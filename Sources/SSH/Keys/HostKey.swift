internal import Crypto
internal import JSON

/// A server's public key.
package struct HostKey: Sendable, Hashable {
  /// Such as `ssh-ed25519`.
  package let type: String
  /// `SHA256:` and the hash in Base64 without padding, as `ssh-keygen -l` prints it.
  package let fingerprint: String
  /// The key itself, in the form of RFC 4253 §6.6.
  package let blob: [UInt8]

  /// Nil where the bytes do not begin with a type's name.
  package init?(blob: [UInt8]) {
    var fields = FieldReader(blob)
    guard let type = fields.text(), !type.isEmpty else { return nil }
    self.type = type
    self.blob = blob
    fingerprint = Self.fingerprint(of: blob)
  }

  static func fingerprint(of blob: [UInt8]) -> String {
    var hash = SHA256()
    blob.withUnsafeBytes { hash.update(bufferPointer: $0) }
    return "SHA256:" + Base64.encode(Array(hash.finalize())).prefix { $0 != "=" }
  }
}

/// Reads the data types of RFC 4251 §5.
struct FieldReader {
  private let bytes: [UInt8]
  private var index = 0

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  var rest: [UInt8] { Array(bytes[index...]) }

  mutating func byte() -> UInt8? {
    guard index < bytes.count else { return nil }
    defer { index += 1 }
    return bytes[index]
  }

  mutating func integer() -> UInt32? {
    guard index + 4 <= bytes.count else { return nil }
    defer { index += 4 }
    return bytes[index..<index + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  mutating func string() -> [UInt8]? {
    let start = index
    guard let length = integer(), Int(length) <= bytes.count - index else {
      index = start
      return nil
    }
    defer { index += Int(length) }
    return Array(bytes[index..<index + Int(length)])
  }

  mutating func text() -> String? { string().map { String(decoding: $0, as: UTF8.self) } }
}

/// Writes the data types of RFC 4251 §5.
struct FieldWriter {
  private(set) var bytes: [UInt8] = []

  mutating func byte(_ value: UInt8) { bytes.append(value) }

  mutating func integer(_ value: UInt32) {
    for shift in [24, 16, 8, 0] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  mutating func string(_ value: [UInt8]) {
    integer(UInt32(value.count))
    bytes += value
  }
}
