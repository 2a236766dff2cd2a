import JSON
import JSONRPC
import NIOCore

/// The entry point of libFuzzer: one input is one connection's bytes.
///
/// Whatever comes, cut wherever it may be, the frames must be the same, the scanner and the parser must agree on what is
/// JSON, and what is JSON must survive being written and read again. A crash, a hang or a trap is a finding.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  guard let first = bytes.first else { return 0 }
  let input = bytes.dropFirst()
  let whole = frames([input])
  let cut = input.startIndex + Int(first) * input.count / 256
  check(frames([input[..<cut], input[cut...]]) == whole, "the cut changed the frames")
  if input.count < 4096 { check(frames(input.map { [$0] }) == whole, "single bytes changed the frames") }
  for case .message(let message) in whole { check(message) }
  return 0
}

private func frames(_ pieces: [some Collection<UInt8>]) -> [FrameDecoder.Frame] {
  var decoder = FrameDecoder(maximumMessageBytes: 1000)
  var frames: [FrameDecoder.Frame] = []
  for piece in pieces {
    decoder.feed(ByteBuffer(bytes: piece))
    while let frame = decoder.next() { frames.append(frame) }
  }
  if let frame = decoder.finish() { frames.append(frame) }
  return frames
}

private func check(_ message: ByteBuffer) {
  let bytes = Array(message.readableBytesView)
  var members: MemberRanges = []
  let isScanned = bytes.withUnsafeBytes { buffer in
    var scanner = JSONScanner(buffer)
    guard let envelope = try? Envelope.scan(&scanner, members: &members) else { return false }
    for member in members {
      check(member.value.upperBound <= bytes.count && member.key.upperBound <= bytes.count, "a range is outside")
    }
    if let params = envelope.params { check(params.upperBound <= bytes.count, "params are outside") }
    scanner.skipWhitespace()
    return scanner.isAtEnd
  }
  do {
    let value = try JSONParser.parse(bytes)
    check(isScanned, "parsed and not scanned")
    // `2.0` is written as `2`, which is an integer when it is read: the texts are what must not change.
    let text = value.jsonString
    check((try? JSONParser.parse(text))?.jsonString == text, "changed by being written")
  } catch {
    check(!isScanned || error.message == "a number is too large", "scanned and not parsed")
  }
}

private func check(_ holds: Bool, _ what: StaticString) {
  precondition(holds, "\(what)")
}
