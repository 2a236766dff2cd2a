import BerthProtocol
import JSON
import Workspaces

/// Reads lines of a file, however large that is, without more of it in memory than a piece.
struct LineReader {
  let files: FileService
  let workspace: String
  let path: String

  private static let pieceBytes = 1 << 20
  private static let maximumScannedBytes = 256 << 20

  struct Lines {
    /// Without the last one's end.
    var text = ""
    var count = 0
    /// How many lines stand before the first one, as far as the file has them.
    var before = 0
    /// Whether the last line is cut, since there was no more room.
    var isCut = false
    var isAtEnd = false
    var size = 0
  }

  /// - Parameters:
  ///   - first: From 1.
  ///   - maximumBytes: How much to return.
  mutating func lines(from first: Int, count: Int, maximumBytes: Int) throws -> Lines {
    var lines = Lines()
    var bytes: [UInt8] = []
    var offset = 0
    var line = 1
    scan: while true {
      let piece = try files.read(
        .init(workspace: workspace, path: path, offset: offset, length: Self.pieceBytes, encoding: .auto))
      lines.size = piece.size
      guard piece.encoding == .utf8 else {
        throw ToolFault("`\(path)` is no text file; it has \(piece.size) bytes. Look at it with a command.")
      }
      var content = piece.content
      var used = 0
      let isDone = content.withUTF8 { part in
        for byte in part {
          if line >= first {
            if bytes.count >= maximumBytes {
              lines.isCut = true
              return true
            }
            bytes.append(byte)
          }
          used += 1
          if byte == UInt8(ascii: "\n") { line += 1 }
          if line >= first + count { return true }
        }
        return false
      }
      offset += piece.length
      if isDone {
        lines.isAtEnd = !lines.isCut && piece.eof && used == piece.length
        break scan
      }
      if piece.eof || piece.length == 0 {
        lines.isAtEnd = true
        break scan
      }
      if offset > Self.maximumScannedBytes {
        throw ToolFault("Line \(first) of `\(path)` lies too far behind its beginning. Look at it with a command.")
      }
    }
    lines.before = line - 1
    if lines.isCut {
      lines.count = line - first + 1
      lines.text = ByteExcerpt.text(bytes[...], isCutBehind: true)
    } else {
      lines.count = bytes.last == UInt8(ascii: "\n") || bytes.isEmpty ? line - first : line - first + 1
      if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
      lines.text = String(decoding: bytes, as: UTF8.self)
      // An empty line is a line.
      if lines.text.isEmpty, lines.count > 0 { lines.text = "\n" }
    }
    return lines
  }
}
