package import BerthProtocol
internal import JSON
internal import Platform

extension FileService {
  /// Reads a file or a range of it, as `file/read` does.
  package func read(_ params: FileRead.Params) throws -> FileRead.Result {
    try content(of: try find(params))
  }

  /// As `read(_:)`, where that is up to so many bytes; else nil.
  package func read(_ params: FileRead.Params, upTo limit: Int) throws -> FileRead.Result? {
    let range = try find(params)
    return range.length <= limit ? try content(of: range) : nil
  }

  /// What is to be read.
  private struct FileRange {
    let path: RelativePath
    let file: OwnedDescriptor
    let status: FileStatus
    let size: Int
    let offset: Int
    let length: Int
    let params: FileRead.Params
  }

  private func find(_ params: FileRead.Params) throws -> FileRange {
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
      let length = min(params.length ?? .max, size - offset)
      try checkFits(length, path)
      return FileRange(
        path: path, file: file, status: status, size: size, offset: offset, length: length, params: params)
    }
  }

  private func content(of range: FileRange) throws -> FileContent {
    let path = range.path
    return try telling(of: path) {
      if range.length == range.size, range.params.encoding != .base64,
        let text = try FileText.whole(range.file, range.size)
      {
        try checkFits(text, path)
        return FileContent(
          path: path.description, content: text, encoding: .utf8, offset: range.params.offset, length: text.utf8.count,
          size: range.size, etag: ETag.make(range.status), eof: true)
      }
      return try part(range)
    }
  }

  /// A part of a file, or what is not text.
  private func part(_ range: FileRange) throws -> FileContent {
    let (offset, length) = (range.offset, range.length)
    return try withUnsafeTemporaryAllocation(byteCount: length + FileText.margin * 2, alignment: 1) { buffer in
      LargeMemory.preferLargePages(UnsafeRawBufferPointer(buffer))
      // A few bytes on either side tell whether the range cuts through a character.
      let before = min(FileText.margin, offset)
      let end = before + min(length + FileText.margin, range.size - offset)
      let count = try range.file.read(
        into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<end]), at: Int64(offset - before))
      let (text, used) = try content(
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]),
        before..<min(before + length, max(count, before)), range.params.encoding, range.path)
      let start = length == 0 ? range.params.offset : offset + used.lowerBound - before
      return FileContent(
        path: range.path.description, content: text.content, encoding: text.encoding, offset: start,
        length: used.count, size: range.size, etag: ETag.make(range.status),
        eof: start + used.count >= range.size || count < before + length)
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
