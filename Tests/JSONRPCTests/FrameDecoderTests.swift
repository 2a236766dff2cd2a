import JSONRPC
import NIOCore
import Testing

@Suite struct FrameDecoderTests {
  private static func frames(_ pieces: [[UInt8]], limit: Int = 1000, ends: Bool = false) -> [FrameDecoder.Frame] {
    var decoder = FrameDecoder(maximumMessageBytes: limit)
    var frames: [FrameDecoder.Frame] = []
    for piece in pieces {
      decoder.feed(ByteBuffer(bytes: piece))
      while let frame = decoder.next() { frames.append(frame) }
    }
    if ends, let frame = decoder.finish() { frames.append(frame) }
    return frames
  }

  private static func frames(_ text: String, limit: Int = 1000, ends: Bool = false) -> [FrameDecoder.Frame] {
    frames([Array(text.utf8)], limit: limit, ends: ends)
  }

  private static func message(_ text: String) -> FrameDecoder.Frame { .message(ByteBuffer(string: text)) }

  @Test func `a session cut in two at every byte gives the same messages`() {
    let session =
      "Content-Length: 2\r\n\r\n{}content-type: x; charset=utf-8\r\ncontent-LENGTH:8 \r\n\r\n[\"äö\"]"
      + "Content-Length: 0\r\n\r\nContent-Length: 2000\r\n\r\n\(String(repeating: "x", count: 2000))"
      + "Content-Length: 4\r\n\r\nnull"
    let bytes = Array(session.utf8)
    let whole = Self.frames([bytes])
    #expect(whole.count == 5)
    #expect(whole[3] == .tooLarge)
    #expect(whole[4] == Self.message("null"))
    for cut in 0...bytes.count {
      #expect(Self.frames([Array(bytes[..<cut]), Array(bytes[cut...])]) == whole, "cut at \(cut)")
    }
    #expect(Self.frames(bytes.map { [$0] }) == whole)
  }

  @Test func `lines cut at every byte give the same messages`() {
    let session = "\n{\"a\":1}\r\n\n[1]\n" + String(repeating: "x", count: 2000) + "\n{}\nlast"
    let bytes = Array(session.utf8)
    let whole = Self.frames([bytes], ends: true)
    let expected = [
      Self.message("{\"a\":1}\r"), Self.message("[1]"), .tooLarge, Self.message("{}"), Self.message("last"),
    ]
    #expect(whole == expected)
    for cut in 0...bytes.count {
      #expect(Self.frames([Array(bytes[..<cut]), Array(bytes[cut...])], ends: true) == whole, "cut at \(cut)")
    }
  }

  @Test(arguments: [
    "Content-Length: -1\r\n\r\n", "Content-Length: 99999999999999999999\r\n\r\n", "Content-Length: abc\r\n\r\n",
    "Content-Length:\r\n\r\n", "Content-Type: x\r\n\r\n", "Content-Length 3\r\n\r\n", "garbage\r\n\r\n",
    "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", "Content-Length: 0x10\r\n\r\n", "\r\n\r\n",
  ]) func `a header that cannot be read ends the stream once`(text: String) {
    let frames = Self.frames(text + "Content-Length: 2\r\n\r\n{}")
    if text.hasPrefix("\r\n") {
      // White space before the first header is passed over.
      #expect(frames == [Self.message("{}")])
    } else {
      #expect(frames.count == 1)
      guard case .broken? = frames.first else {
        Issue.record("not refused: \(frames)")
        return
      }
    }
  }

  @Test func `a header block of more than 8 KiB ends the stream`() {
    let frames = Self.frames("X: " + String(repeating: "y", count: 9000))
    #expect(frames.count == 1)
    guard case .broken? = frames.first else {
      Issue.record("not refused: \(frames)")
      return
    }
  }

  @Test func `a body over the limit is skipped without being kept`() {
    var decoder = FrameDecoder(maximumMessageBytes: 10)
    decoder.feed(ByteBuffer(string: "Content-Length: 1000000000\r\n\r\n"))
    #expect(decoder.next() == nil)
    for _ in 0..<1000 {
      decoder.feed(ByteBuffer(bytes: [UInt8](repeating: 0x20, count: 1_000_000)))
      if let frame = decoder.next() {
        #expect(frame == .tooLarge)
        decoder.feed(ByteBuffer(string: "Content-Length: 2\r\n\r\n{}"))
        #expect(decoder.next() == Self.message("{}"))
        return
      }
    }
    Issue.record("the end of the body was not seen")
  }

  @Test func `the end of a line that was too long is told once`() {
    var decoder = FrameDecoder(maximumMessageBytes: 10)
    decoder.feed(ByteBuffer(string: "{\"a\":\"0123456789"))
    #expect(decoder.next() == nil)
    #expect(decoder.finish() == .tooLarge)
    #expect(decoder.next() == nil && decoder.finish() == nil)
  }
}
