import BerthProtocol
import JSON
import Platform
import Workspaces

/// A model's tools for the files of a workspace. All goes through the service that serves `file/*`, so that no path
/// leads out of the workspace.
struct FileTools: Sendable {
  let files: FileService
  /// The workspace's id.
  let workspace: String
  /// Its folder, an absolute path.
  let root: String

  static let maximumLines = 2000
  private static let maximumReadBytes = 128 << 10
  private static let maximumListed = 1000
  /// So much of what a file held is shown with a change of it.
  private static let maximumShownBytes = 32 << 10
  /// Larger ones are not edited.
  private static let maximumEditBytes = 16 << 20

  /// A path as the workspace has it: models like to write absolute ones.
  func relative(_ path: String) -> String {
    if path == root || path == root + "/" { return "." }
    return path.hasPrefix(root + "/") ? String(path.dropFirst(root.utf8.count + 1)) : path
  }

  func absolute(_ path: String) -> String {
    let path = (try? FileService.path(relative(path)).description) ?? path
    return path == "." ? root : path.hasPrefix("/") ? path : "\(root)/\(path)"
  }

  // MARK: Reading

  func list(_ path: String, depth: Int, pattern: String?) throws -> ToolResult {
    let page = try files.list(
      .init(
        workspace: workspace, path: relative(path), depth: depth, include: pattern.map { [$0] }, gitignore: true,
        limit: Self.maximumListed))
    var lines = page.entries.map { entry in
      switch entry.type {
      case .directory: entry.path + "/"
      case .symlink: "\(entry.path) -> \(entry.target ?? "")"
      case .file: "\(entry.path) (\(entry.size) bytes)"
      case .other: entry.path
      }
    }
    if page.nextCursor != nil { lines.append("[there are more; list a folder within, or give a pattern]") }
    return ToolResult(text: lines.isEmpty ? "[nothing there]" : lines.joined(separator: "\n"))
  }

  func read(_ path: String, firstLine: Int, lastLine: Int?) throws -> ToolResult {
    if let lastLine, lastLine < firstLine {
      throw ToolFault("`lastLine` is \(lastLine), and must not be less than `firstLine`, which is \(firstLine).")
    }
    var reader = LineReader(files: files, workspace: workspace, path: relative(path))
    let wanted = min(Self.maximumLines, (lastLine ?? .max) - firstLine + 1)
    let lines = try reader.lines(from: firstLine, count: wanted, maximumBytes: Self.maximumReadBytes)
    if lines.text.isEmpty {
      return ToolResult(
        text: lines.size == 0 ? "[the file is empty]" : "[the file has \(lines.before) lines, and ends before that one]"
      )
    }
    let last = firstLine + lines.count - 1
    let isAll = firstLine == 1 && lines.isAtEnd
    // What was asked for and came needs no words.
    if isAll || (lastLine == last && !lines.isCut) { return ToolResult(text: lines.text) }
    let more = lines.isAtEnd ? "the file ends there" : "read on from line \(lines.isCut ? last : last + 1)"
    let cut = lines.isCut ? "; the last one is cut" : ""
    return ToolResult(text: "\(lines.text)\n[lines \(firstLine) to \(last) of \(path)\(cut); \(more)]")
  }

  // MARK: Writing

  /// A change that is ready to be made, so that it can be shown before.
  struct Change: Sendable {
    fileprivate let params: FileWrite.Params
    let diff: FileDiff
    let told: String
  }

  func prepareWrite(_ path: String, content: String) throws -> Change {
    let relative = relative(path)
    var old: FileContent?
    do {
      old = try files.read(.init(workspace: workspace, path: relative, length: Self.maximumShownBytes))
    } catch let error as ProtocolError where error.type == .fileNotFound {}
    let oldText = old.map { old in
      guard old.encoding == .utf8 else { return "[\(old.size) bytes that are no text]" }
      return old.eof ? old.content : "\(old.content)\n[\(old.size - old.length) more bytes]"
    }
    return Change(
      params: FileWrite.Params(
        workspace: workspace, path: relative, content: content, ifMatch: old?.etag,
        ifNoneMatch: old == nil ? .any : nil, createParents: true),
      diff: FileDiff(path: absolute(path), oldText: oldText, newText: content),
      told: "\(old == nil ? "Made" : "Wrote") \(relative), \(content.utf8.count) bytes.")
  }

  func prepareEdit(_ path: String, oldText: String, newText: String, replaceAll: Bool) throws -> Change {
    let relative = relative(path)
    guard oldText != newText else { throw ToolFault("`oldText` and `newText` are the same. Nothing was changed.") }
    let old = try files.read(
      .init(workspace: workspace, path: relative, length: Self.maximumEditBytes + 1, encoding: .utf8))
    guard old.length <= Self.maximumEditBytes else {
      throw ToolFault("`\(relative)` is larger than \(Self.maximumEditBytes) bytes. Change it with a command.")
    }
    let pieces = old.content.utf8Pieces(between: oldText)
    switch pieces.count - 1 {
    case 0:
      throw ToolFault(
        "`oldText` is not in `\(relative)`. It must be there exactly, spaces and line ends included. Read the file again."
      )
    case 2... where !replaceAll:
      throw ToolFault(
        "`oldText` is \(pieces.count - 1) times in `\(relative)`. Give more of what is around it, or set `replaceAll`.")
    default: break
    }
    let content = pieces.joined(separator: newText)
    let isShort = old.length + content.utf8.count <= Self.maximumShownBytes
    return Change(
      params: FileWrite.Params(
        workspace: workspace, path: relative, content: content, ifMatch: old.etag),
      diff: FileDiff(
        path: absolute(path), oldText: isShort ? old.content : oldText, newText: isShort ? content : newText),
      told: pieces.count == 2 ? "Edited \(relative)." : "Edited \(relative) in \(pieces.count - 1) places.")
  }

  func make(_ change: Change) throws -> ToolResult {
    do {
      let written = try files.write(change.params)
      return ToolResult(text: change.told, content: [change.diff.shown], written: written)
    } catch let error as ProtocolError where error.type == .etagMismatch || error.type == .alreadyExists {
      throw ToolFault(
        "`\(change.params.path)` was changed by somebody else meanwhile. Nothing was written. Read it again.")
    }
  }
}

extension String {
  /// What stands before, between and behind the places of a text, which do not overlap. By bytes: `\r\n` and characters
  /// of several parts can be cut.
  fileprivate func utf8Pieces(between text: String) -> [String] {
    let (bytes, wanted) = (Array(utf8), Array(text.utf8))
    guard let first = wanted.first else { return [self] }
    var pieces: [String] = []
    var start = 0
    var index = 0
    while index + wanted.count <= bytes.count {
      guard let found = bytes[index...(bytes.count - wanted.count)].firstIndex(of: first) else { break }
      if bytes[found..<(found + wanted.count)].elementsEqual(wanted) {
        pieces.append(String(decoding: bytes[start..<found], as: UTF8.self))
        start = found + wanted.count
        index = start
      } else {
        index = found + 1
      }
    }
    pieces.append(String(decoding: bytes[start...], as: UTF8.self))
    return pieces
  }
}
