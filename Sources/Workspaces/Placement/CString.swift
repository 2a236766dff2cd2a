extension [UInt8] {
  /// Hands out the bytes as a C string for the time of a call.
  func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    (self + [0]).withUnsafeBufferPointer { buffer in
      buffer.withMemoryRebound(to: CChar.self) { characters in
        guard let start = characters.baseAddress else { return "".withCString(body) }
        return body(start)
      }
    }
  }
}
