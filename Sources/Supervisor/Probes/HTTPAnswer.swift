import Glibc

/// What a server has answered, as far as a probe looks at it (RFC 9112).
struct HTTPAnswer {
  let status: Int
  /// Where the body begins.
  let bodyStart: Int
  private let isChunked: Bool
  /// How long the body is; nil where it goes on to the end of the connection, or is chunked.
  private let length: Int?

  /// The longest header block that is read.
  static let maxHeadBytes = 64 << 10

  /// Looks for the end of the header block, and reads it; nil where it is not there yet.
  ///
  /// - Parameters:
  ///   - start: Where the answer begins, behind provisional ones.
  ///   - lookedAt: How much of the bytes was looked at before, in vain.
  /// - Throws: `ProbeFailure` where it is no HTTP.
  init?(_ bytes: [UInt8], from start: Int, lookedAt: Int) throws {
    let prefix = Array("HTTP/1.".utf8)
    let beginning = bytes[start...].prefix(prefix.count)
    guard beginning.elementsEqual(prefix.prefix(beginning.count)) else { throw Self.garbage }
    // The empty line may have been cut off within its four characters.
    guard let end = Self.headEnd(bytes, from: max(start, lookedAt - 3)) else {
      if bytes.count > Self.maxHeadBytes { throw ProbeFailure("the headers of its answer do not end") }
      return nil
    }
    let lines = bytes[start..<end].split(separator: UInt8(ascii: "\n"))
    let words = lines.first?.split(separator: UInt8(ascii: " ")) ?? []
    guard words.count >= 2, let status = Int(Self.text(words[1])), 100...999 ~= status else { throw Self.garbage }
    self.status = status
    bodyStart = end
    var isChunked = false
    var length: Int?
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
      let value = Self.text(line[(colon + 1)...]).lowercased()
      switch Self.text(line[..<colon]).lowercased() {
      case "transfer-encoding": isChunked = value.hasSuffix("chunked")
      case "content-length": length = Int(value)
      default: break
      }
    }
    self.isChunked = isChunked
    self.length = isChunked ? nil : status == 204 || status == 304 ? 0 : length
  }

  /// Whether another answer follows this one.
  var isProvisional: Bool { status < 200 && status != 101 }

  /// Whether all of the body is there, as far as that can be told without the end of the connection.
  func isWhole(_ bytes: [UInt8]) -> Bool {
    if let length { return bytes.count - bodyStart >= length }
    return isChunked && bytes.suffix(5).elementsEqual("0\r\n\r\n".utf8)
  }

  /// The body, as much of it as there is.
  ///
  /// - Throws: `ProbeFailure` where its chunks are none.
  func body(_ bytes: [UInt8]) throws -> [UInt8] {
    guard isChunked else { return Array(bytes[bodyStart...].prefix(length ?? .max)) }
    var body: [UInt8] = []
    var rest = bytes[bodyStart...]
    while let lineEnd = rest.firstIndex(of: UInt8(ascii: "\n")) {
      let line = rest[..<lineEnd].prefix { $0 != UInt8(ascii: ";") }
      guard let size = Int(Self.text(line), radix: 16), size >= 0 else { throw Self.garbage }
      if size == 0 { break }
      body += rest[(lineEnd + 1)...].prefix(size)
      guard size + 2 <= rest.endIndex - lineEnd - 1 else { break }
      rest = rest[(lineEnd + 1 + size + 2)...]
    }
    return body
  }

  static let garbage = ProbeFailure("the answer is no HTTP")

  /// Behind the empty line. Lone line feeds are taken for line ends, too.
  private static func headEnd(_ bytes: [UInt8], from start: Int) -> Int? {
    bytes.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return nil }
      var index = start
      while index < bytes.count, let lineFeed = memchr(base + index, 0x0A, bytes.count - index) {
        index = UnsafeRawPointer(lineFeed) - base + 1
        if index < bytes.count, bytes[index] == 0x0A { return index + 1 }
        if index + 1 < bytes.count, bytes[index] == 0x0D, bytes[index + 1] == 0x0A { return index + 2 }
      }
      return nil
    }
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    var bytes = bytes
    while let first = bytes.first, first <= 0x20 { bytes.removeFirst() }
    while let last = bytes.last, last <= 0x20 { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
  }
}
