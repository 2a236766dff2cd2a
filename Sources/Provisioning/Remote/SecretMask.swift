/// Takes known secrets out of what is told.
struct SecretMask: Sendable {
  private static let stars = Array("••••••".utf8)
  private let secrets: [[UInt8]]

  /// - Parameter secrets: The longest is looked for first, so that none is left in part.
  init(_ secrets: [String]) {
    self.secrets = Set(secrets).filter { !$0.isEmpty }.map { Array($0.utf8) }.sorted { $0.count > $1.count }
  }

  func callAsFunction(_ text: String) -> String {
    secrets.isEmpty ? text : String(decoding: self(Array(text.utf8)), as: UTF8.self)
  }

  /// - Parameter bytes: Whole lines, so that no secret is cut by their end.
  func callAsFunction(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for secret in secrets { bytes = Self.replacing(secret, in: bytes) }
    return bytes
  }

  private static func replacing(_ secret: [UInt8], in bytes: [UInt8]) -> [UInt8] {
    guard bytes.count >= secret.count else { return bytes }
    var result: [UInt8] = []
    var copied = 0
    var index = 0
    while index + secret.count <= bytes.count {
      if bytes[index] == secret[0], bytes[index..<(index + secret.count)].elementsEqual(secret) {
        result += bytes[copied..<index]
        result += stars
        index += secret.count
        copied = index
      } else {
        index += 1
      }
    }
    return copied == 0 ? bytes : result + bytes[copied...]
  }
}
