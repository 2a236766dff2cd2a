package import BerthProtocol
internal import JSON
internal import Platform

extension FileService {
  /// Reads a file or a range of it, as `file/read` does.
  package func read(_ params: FileRead.Params) throws -> FileRead.Result {
    let path = try Self.path(params.path)
    let folder = try workspaces.open(params.workspace, for: .read).directory
    return try telling(of: path) {
      let file = try folder.open(path, [.read, .nonBlocking])
      let status = try file.status()
      switch status.kind {
      case .file: break
      case .directory: throw ProtocolError.isADirectory(path, "`file/list` tells what it holds.")
      case .link, .other: throw ProtocolError.notAFile(path)
      }
      let size = Int(status.size)
      let offset = min(params.offset, size)
      let wanted = min(params.length ?? .max, size - offset)
      try checkFits(wanted, path)
      if wanted == size, params.encoding != .base64, let text = try FileText.whole(file, size) {
        try checkFits(text, path)
        let count = text.utf8.count
        return FileContent(
          path: path.description, content: text, encoding: .utf8, offset: params.offset, length: count, size: size,
          etag: ETag.make(status), eof: true)
      }
      return try withUnsafeTemporaryAllocation(byteCount: wanted + FileText.margin * 2, alignment: 1) { buffer in
        // A few bytes on either side tell whether the range cuts through a character.
        let before = min(FileText.margin, offset)
        LargeMemory.preferLargePages(UnsafeRawBufferPointer(buffer))
        let count = try file.read(
          into: UnsafeMutableRawBufferPointer(
            rebasing: buffer[..<(before + min(wanted + FileText.margin, size - offset))]),
          at: Int64(offset - before))
        let range = before..<min(before + wanted, max(count, before))
        let (text, used) = try content(
          UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]), range, params.encoding, path)
        let start = wanted == 0 ? params.offset : offset + used.lowerBound - before
        return FileContent(
          path: path.description, content: text.content, encoding: text.encoding, offset: start, length: used.count,
          size: size, etag: ETag.make(status), eof: start + used.count >= size || count < before + wanted)
      }
    }
  }

  /// The content of `range` of some bytes, and what of them it stands for.
  private func content(
    _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ encoding: ReadEncoding, _ path: RelativePath
  ) throws -> (text: (content: String, encoding: ContentEncoding), used: Range<Int>) {
    if encoding != .base64 {
      if let (text, used) = FileText.decode(bytes, range, mayMove: encoding == .utf8) {
        try checkFits(text, path)
        return ((text, .utf8), used)
      }
      guard encoding == .auto else {
        throw ProtocolError(.notText, "`\(path)` is not valid UTF-8 there. Read it as `base64`, or with `auto`.")
      }
    }
    try checkFits(Base64.encodedLength(range.count), path)
    return ((Base64.encode(UnsafeRawBufferPointer(rebasing: bytes[range])), .base64), range)
  }

  private func checkFits(_ text: String, _ path: RelativePath) throws {
    let room = maximumContentBytes() - Self.envelopeBytes
    if !FileText.fitsInJSON(text, limit: room) { throw tooLarge(path) }
  }

  private func checkFits(_ count: Int, _ path: RelativePath) throws {
    if count > maximumContentBytes() - Self.envelopeBytes { throw tooLarge(path) }
  }

  private func tooLarge(_ path: RelativePath) -> ProtocolError {
    ProtocolError(
      .resultTooLarge,
      "The answer would pass the limit of \(maximumContentBytes()) bytes for a message. Read `\(path)` in ranges with `offset` and `length`."
    )
  }

  /// What an answer holds beside the content, at most: a path and its escapes are the longest.
  private static let envelopeBytes = 32 * 1024
}
