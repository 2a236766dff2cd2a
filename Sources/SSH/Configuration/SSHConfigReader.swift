internal import Glibc
internal import Platform

/// A line of a configuration that says something, and where it applies.
struct SSHConfigLine: Sendable {
  let place: String
  let keyword: String
  let arguments: [String]
  /// Lists of host patterns, all of which must match; nil for a block whose condition is not understood.
  let conditions: [[String]]?
}

/// Reads the lines of a configuration and of what it includes (ssh_config(5)).
struct SSHConfigReader {
  private(set) var lines: [SSHConfigLine] = []
  /// What could not be read or understood, `FILE:LINE: …`; it says nothing of any host.
  private(set) var faults: [String] = []
  private let home: String

  private static let deepestInclude = 16

  init(home: String) {
    self.home = home
  }

  /// - Parameter conditions: Those of the block that includes the file.
  mutating func read(_ path: String, under conditions: [[String]]? = [], depth: Int = 0) {
    let bytes: [UInt8]
    do throws(SystemError) {
      guard let found = try SmallFile.read(path) else { return }
      bytes = found
    } catch {
      faults.append("\(path): \(error.reason)")
      return
    }
    var block = conditions
    let text = String(decoding: bytes, as: UTF8.self)
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let place = "\(path):\(index + 1)"
      guard let words = Self.words(line) else {
        faults.append("\(place): a quotation mark has no end")
        continue
      }
      guard let keyword = words.first?.lowercased() else { continue }
      let arguments = Array(words.dropFirst())
      switch keyword {
      case "host":
        block = conditions.map { $0 + [arguments] }
      case "match":
        if arguments.map({ $0.lowercased() }) == ["all"] {
          block = conditions
        } else {
          block = nil
          // It might be about any host.
          let line = SSHConfigLine(place: place, keyword: "match", arguments: arguments, conditions: conditions)
          lines.append(line)
        }
      case "include":
        guard depth < Self.deepestInclude else {
          faults.append("\(place): files include each other too deeply")
          continue
        }
        for file in arguments.flatMap(files) { read(file, under: block, depth: depth + 1) }
      default:
        lines.append(SSHConfigLine(place: place, keyword: keyword, arguments: arguments, conditions: block))
      }
    }
  }

  /// The files that an argument of `Include` stands for.
  private func files(_ pattern: String) -> [String] {
    var path = pattern
    if path == "~" || path.hasPrefix("~/") {
      path = home + path.dropFirst()
    } else if !path.hasPrefix("/") {
      path = "\(home)/.ssh/\(path)"
    }
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(path, 0, nil, &found) == 0 else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }
  }

  /// A line's words; those in quotation marks may have spaces. Nil where a mark has no end.
  static func words(_ line: Substring) -> [String]? {
    var words: [String] = []
    var word: String?
    var isQuoted = false
    /// After the keyword, one `=` may stand for the space.
    var mayTakeEquals = true
    for character in line {
      if isQuoted {
        if character == "\"" { isQuoted = false } else { word?.append(character) }
      } else if character == "\"" {
        isQuoted = true
        word = word ?? ""
      } else if character == "#", word == nil {
        break
      } else if character.isWhitespace || character == "=" && words.count + (word == nil ? 0 : 1) == 1 && mayTakeEquals
      {
        if character == "=" { mayTakeEquals = false }
        if let done = word { words.append(done) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    if isQuoted { return nil }
    if let word { words.append(word) }
    return words
  }
}
