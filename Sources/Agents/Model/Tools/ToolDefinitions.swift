import BerthProtocol
import JSON

extension ModelTool {
  /// What a model is told of the tool, with the JSON Schema of its arguments.
  var definition: JSONValue {
    let (description, properties, required) = words
    let parameters: JSONObject = [
      "type": "object", "properties": .object(properties), "required": .array(required.map { .string($0) }),
      "additionalProperties": false,
    ]
    return [
      "type": "function",
      "function": [
        "name": .string(rawValue), "description": .string(description), "parameters": .object(parameters),
      ],
    ]
  }

  private var words: (description: String, properties: JSONObject, required: [String]) {
    switch self {
    case .listFiles:
      (
        "Lists files and folders of the workspace. What .gitignore names is left out.",
        [
          "path": Self.string("The folder, relative to the workspace. Absent: the workspace itself."),
          "depth": Self.integer("How many levels to go down; 1 if absent.", 1...100),
          "pattern": Self.string("A glob that paths must match, such as `*.swift` or `src/**`."),
        ], []
      )
    case .readFile:
      (
        "Reads a text file of the workspace, at most \(FileTools.maximumLines) lines at once.",
        [
          "path": Self.string("The file, relative to the workspace."),
          "firstLine": Self.integer("The first line to read, from 1.", 1...Int(Int32.max)),
          "lastLine": Self.integer("The last line to read.", 1...Int(Int32.max)),
        ], ["path"]
      )
    case .writeFile:
      (
        "Writes a whole file of the workspace, and makes the folders on its way. To change a part of a file, use edit_file.",
        [
          "path": Self.string("The file, relative to the workspace."),
          "content": Self.string("All that it is to hold."),
        ], ["path", "content"]
      )
    case .editFile:
      (
        "Replaces a piece of text in a file. It must be there exactly as given, and once, unless replaceAll is true.",
        [
          "path": Self.string("The file, relative to the workspace."),
          "oldText": Self.string("What is there now, exactly, with enough around it to be the only place."),
          "newText": Self.string("What is to be there instead."),
          "replaceAll": Self.bool("Whether to replace all places where it is."),
        ], ["path", "oldText", "newText"]
      )
    case .searchFiles:
      (
        "Searches the text files of the workspace, and tells the lines that match. What .gitignore names is left out.",
        [
          "query": Self.string("What to look for."),
          "regex": Self.bool("Whether the query is a regular expression; else it is taken as it is."),
          "ignoreCase": Self.bool("Whether case does not matter."),
          "path": Self.string("The folder or file to search. Absent: the workspace."),
          "pattern": Self.string("A glob that paths must match, such as `*.swift`."),
        ], ["query"]
      )
    case .runCommand:
      (
        "Runs a shell command in the workspace, and tells its exit code and output. It gets no input, and ends when its first process does.",
        [
          "command": Self.string("The command, for /bin/sh."),
          "folder": Self.string("The folder to run it in, relative to the workspace."),
          "timeoutSeconds": Self.integer("How long it may take.", 1...86_400),
        ], ["command"]
      )
    }
  }

  private static func string(_ description: String) -> JSONValue {
    ["type": "string", "description": .string(description)]
  }

  private static func bool(_ description: String) -> JSONValue {
    ["type": "boolean", "description": .string(description)]
  }

  private static func integer(_ description: String, _ range: ClosedRange<Int>) -> JSONValue {
    [
      "type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound),
      "description": .string(description),
    ]
  }
}
