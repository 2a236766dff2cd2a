import BerthProtocol
import Foundation
import JSON
import Platform
import Workspaces

/// What to look for in the files of a workspace.
struct SearchQuery: Sendable, Hashable {
  var text: String
  var isRegex = false
  var ignoresCase = false
  /// A folder or a file; nil for the workspace.
  var path: String?
  /// A glob.
  var pattern: String?
}

/// A model's search in the text files of a workspace. It ends after some time, however the expression is made, and
/// tells so many lines at most.
struct SearchTool {
  let tools: FileTools
  var maximumSeconds = 10.0

  private static let maximumMatches = 200
  private static let maximumFileBytes = 4 << 20
  private static let maximumLineCharacters = 300
  private static let pageEntries = 1000

  private final class Findings {
    var lines: [String] = []
    var files = 0
    var searched = 0
    var tooLarge = 0
    var isCut = false
    var isLate = false
  }

  func search(_ query: SearchQuery) throws -> ToolResult {
    let expression: NSRegularExpression
    do {
      var options: NSRegularExpression.Options = [.anchorsMatchLines]
      if query.ignoresCase { options.insert(.caseInsensitive) }
      expression = try NSRegularExpression(
        pattern: query.isRegex ? query.text : NSRegularExpression.escapedPattern(for: query.text), options: options)
    } catch {
      throw ToolFault("`query` is no regular expression that can be used. Set `regex` to false to search it as it is.")
    }
    let end = Timestamp.monotonicNanoseconds() + Int64(maximumSeconds * 1e9)
    let findings = Findings()
    let path = query.path.map(tools.relative)
    if let path, try isFile(path) {
      try look(at: path, expression, end, findings)
    } else {
      try walk(path, query.pattern, expression, end, findings)
    }
    return ToolResult(text: text(findings))
  }

  private func isFile(_ path: String) throws -> Bool {
    let type = try tools.files.stat(.init(workspace: tools.workspace, path: path)).type
    return type == .file || type == .symlink
  }

  private func walk(
    _ path: String?, _ pattern: String?, _ expression: NSRegularExpression, _ end: Int64, _ findings: Findings
  ) throws {
    var cursor: String?
    repeat {
      let page = try tools.files.list(
        .init(
          workspace: tools.workspace, path: path, depth: 1000, include: pattern.map { [$0] }, gitignore: true,
          types: [.file], limit: Self.pageEntries, cursor: cursor))
      for entry in page.entries {
        try Task.checkCancellation()
        if findings.isCut || findings.isLate { return }
        if Timestamp.monotonicNanoseconds() > end {
          findings.isLate = true
          return
        }
        if entry.size > Self.maximumFileBytes {
          findings.tooLarge += 1
          continue
        }
        do {
          try look(at: entry.path, expression, end, findings)
        } catch is ProtocolError {
          // It has gone meanwhile, or is not for this user.
        }
      }
      cursor = page.nextCursor
    } while cursor != nil
  }

  private func look(
    at path: String, _ expression: NSRegularExpression, _ end: Int64, _ findings: Findings
  ) throws {
    let file = try tools.files.read(
      .init(workspace: tools.workspace, path: path, length: Self.maximumFileBytes))
    // What is no text, or pretends to be none.
    guard file.encoding == .utf8, !file.content.utf8.prefix(8192).contains(0) else { return }
    findings.searched += 1
    let content = NSString(string: file.content)
    var last = -1
    var line = 1
    var counted = 0
    let before = findings.lines.count
    expression.enumerateMatches(
      in: file.content, options: .reportProgress, range: NSRange(location: 0, length: content.length)
    ) { match, _, stop in
      guard let match else {
        // Asked while it goes on, so that an expression that would take years does not.
        if Timestamp.monotonicNanoseconds() > end || Task.isCancelled {
          findings.isLate = true
          stop.pointee = true
        }
        return
      }
      let range = content.lineRange(for: NSRange(location: match.range.location, length: 0))
      guard range.location != last else { return }
      if findings.lines.count == Self.maximumMatches {
        findings.isCut = true
        stop.pointee = true
        return
      }
      last = range.location
      while counted < range.location {
        let next = content.lineRange(for: NSRange(location: counted, length: 0))
        counted = next.location + next.length
        line += 1
      }
      let words = content.substring(with: range).trimming { $0.isNewline }
      let isLong = words.count > Self.maximumLineCharacters
      findings.lines.append("\(path):\(line): \(isLong ? words.prefix(Self.maximumLineCharacters) + "…" : words[...])")
    }
    if findings.lines.count > before { findings.files += 1 }
  }

  private func text(_ findings: Findings) -> String {
    var lines = findings.lines
    if lines.isEmpty { lines.append("[no line matches in \(findings.searched) files]") }
    if findings.isCut { lines.append("[there are more; make the query or the path narrower]") }
    if findings.isLate {
      lines.append(
        "[ended after \(maximumSeconds.formatted()) s, before all was searched; make the query or the path narrower]")
    }
    if findings.tooLarge > 0 { lines.append("[\(findings.tooLarge) files are too large to be searched]") }
    return lines.joined(separator: "\n")
  }
}
