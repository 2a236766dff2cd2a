/// One part of a path: a name in a folder, as bytes. Never empty, `.` or `..`, and without slash and NUL.
package struct FileName: Sendable, Hashable {
  /// The name with a NUL behind it, as system calls take it.
  private let terminated: [UInt8]

  /// nil where `bytes` is no name.
  package init?(_ bytes: some Collection<UInt8>) {
    if bytes.isEmpty || bytes.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") }) { return nil }
    if bytes.count <= 2 && bytes.allSatisfy({ $0 == UInt8(ascii: ".") }) { return nil }
    self.init(checked: bytes)
  }

  /// nil where `string` is no name.
  package init?(_ string: String) {
    self.init(string.utf8)
  }

  init(checked bytes: some Collection<UInt8>) {
    var terminated: [UInt8] = []
    terminated.reserveCapacity(bytes.count + 1)
    terminated.append(contentsOf: bytes)
    terminated.append(0)
    self.terminated = terminated
  }

  package var bytes: ArraySlice<UInt8> { terminated.dropLast() }

  /// The name as text; each byte that is not valid UTF-8 is replaced by U+FFFD.
  package var string: String { String(decoding: bytes, as: UTF8.self) }

  /// Whether the name begins with `prefix`.
  package func hasPrefix(_ prefix: StaticString) -> Bool {
    bytes.starts(with: UnsafeBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount))
  }

  /// Hands out the name as a C string for the time of a call.
  @inline(__always)
  func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    terminated.withUnsafeBufferPointer { buffer in
      buffer.withMemoryRebound(to: CChar.self) { characters in
        guard let start = characters.baseAddress else { return "".withCString(body) }
        return body(start)
      }
    }
  }
}

extension FileName: Comparable {
  package static func < (left: FileName, right: FileName) -> Bool {
    // The NUL behind a name is less than any byte in one: a name stands before those that it begins.
    left.terminated.lexicographicallyPrecedes(right.terminated)
  }
}

extension FileName: ExpressibleByStringLiteral, CustomStringConvertible {
  /// For names that are written in the code.
  package init(stringLiteral value: StaticString) {
    self.init(checked: UnsafeBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
  }

  package var description: String { string }
}

extension FileName {
  /// What the names of Berth's own begin with: of files being written and of trees being put together beside their
  /// place. Listings leave them out.
  package static let stagingPrefix: StaticString = ".berth-"

  /// Whether it is a name of Berth's own.
  package var isStaging: Bool { hasPrefix(Self.stagingPrefix) }
}
