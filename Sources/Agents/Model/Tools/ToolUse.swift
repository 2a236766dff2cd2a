import BerthProtocol
import JSON

/// What a model wants done, its arguments looked at.
enum ToolUse: Sendable, Hashable {
  case list(path: String, depth: Int, pattern: String?)
  case read(path: String, firstLine: Int, lastLine: Int?)
  case write(path: String, content: String)
  case edit(path: String, oldText: String, newText: String, replaceAll: Bool)
  case search(SearchQuery)
  case run(command: String, folder: String?, seconds: Int?)

  /// - Throws: All that is wrong with the arguments.
  init(_ tool: ModelTool, _ text: String) throws(ToolFault) {
    var arguments = try ToolArguments(text)
    let paths = 1...4096
    var use: ToolUse?
    switch tool {
    case .listFiles:
      let path = arguments.string("path", bytes: paths)
      let depth = arguments.integer("depth", 1...100)
      use = .list(path: path ?? ".", depth: depth ?? 1, pattern: arguments.string("pattern", bytes: 1...512))
    case .readFile:
      let path = arguments.required("path", arguments.string("path", bytes: paths))
      let first = arguments.integer("firstLine", 1...Int(Int32.max))
      let last = arguments.integer("lastLine", 1...Int(Int32.max))
      use = path.map { .read(path: $0, firstLine: first ?? 1, lastLine: last) }
    case .writeFile:
      let path = arguments.required("path", arguments.string("path", bytes: paths))
      let content = arguments.required("content", arguments.string("content"))
      if let path, let content { use = .write(path: path, content: content) }
    case .editFile:
      let path = arguments.required("path", arguments.string("path", bytes: paths))
      let old = arguments.required("oldText", arguments.string("oldText", bytes: 1...(16 << 20)))
      let new = arguments.required("newText", arguments.string("newText"))
      let replaceAll = arguments.bool("replaceAll") ?? false
      if let path, let old, let new { use = .edit(path: path, oldText: old, newText: new, replaceAll: replaceAll) }
    case .searchFiles:
      let text = arguments.required("query", arguments.string("query", bytes: 1...4096))
      let query = SearchQuery(
        text: text ?? "", isRegex: arguments.bool("regex") ?? false, ignoresCase: arguments.bool("ignoreCase") ?? false,
        path: arguments.string("path", bytes: paths), pattern: arguments.string("pattern", bytes: 1...512))
      use = .search(query)
    case .runCommand:
      let command = arguments.required("command", arguments.string("command", bytes: 1...(64 << 10)))
      let folder = arguments.string("folder", bytes: paths)
      let seconds = arguments.integer("timeoutSeconds", 1...86_400)
      use = command.map { .run(command: $0, folder: folder, seconds: seconds) }
    }
    try arguments.finish()
    guard let use else { throw ToolFault("The arguments are wrong.") }
    self = use
  }

  /// For people.
  var title: String {
    switch self {
    case .list(let path, _, let pattern): "List \(pattern.map { "\($0) in " } ?? "")\(path)"
    case .read(let path, let first, let last):
      first == 1 && last == nil ? "Read \(path)" : "Read \(path), from line \(first)\(last.map { " to \($0)" } ?? "")"
    case .write(let path, _): "Write \(path)"
    case .edit(let path, _, _, _): "Edit \(path)"
    case .search(let query): "Search for \(Self.line(query.text))"
    case .run(let command, _, _): Self.line(command)
    }
  }

  /// The file or folder it is about.
  var path: String? {
    switch self {
    case .list(let path, _, _), .read(let path, _, _), .write(let path, _), .edit(let path, _, _, _): path
    case .search(let query): query.path
    case .run(_, let folder, _): folder
    }
  }

  var line: Int? {
    if case .read(_, let first, _) = self { first } else { nil }
  }

  private static func line(_ text: String) -> String {
    let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    return line.count < text.count || line.count > 200 ? "\(line.prefix(200))…" : line
  }
}

extension ModelTool {
  /// What it does, as the Agent Client Protocol has it.
  var kind: String {
    switch self {
    case .listFiles, .searchFiles: "search"
    case .readFile: "read"
    case .writeFile, .editFile: "edit"
    case .runCommand: "execute"
    }
  }

  /// Whether a person is asked before it is used.
  var isAsked: Bool {
    switch self {
    case .listFiles, .readFile, .searchFiles: false
    case .writeFile, .editFile, .runCommand: true
    }
  }
}
