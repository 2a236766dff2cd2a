import ArgumentParser
import BerthClient
import BerthProtocol
import JSON

/// `berth call`: any method of the protocol.
struct CallCommand: ServerCommand {
  static let configuration = CommandConfiguration(
    commandName: "call",
    abstract: "Call a method of the protocol and print its result.",
    discussion: """
      Parameters are a JSON object or array, `-` for one at standard input, or NAME=TEXT and NAME:=JSON:

        berth call workspace/get workspace=shop
        berth call file/list '{"workspace": "shop", "depth": 2}'
        berth call stream/attach stream=events tail:=10 --follow
      """)

  @Argument(
    help: "The method; `berth methods` lists them.",
    completion: .custom { _, _, _ in Completion.methods() })
  var method: String

  @Argument(help: "Its parameters.")
  var params: [String] = []

  @Flag(name: .shortAndLong, help: "Go on with the events of the stream that the call attaches to, one a line.")
  var follow = false

  @OptionGroup(title: "Server and output") var options: CommandOptions

  func run(_ context: Context) throws {
    let params = try Self.params(params)
    let client = try context.client
    let result = try client.call(method, params: params)
    guard follow else { return context.output.json(result) }
    context.output.jsonLine(result)
    context.output.flush()
    guard let attachment = result["attachment"]?.stringValue else { return }
    while let notification = try client.nextNotification() {
      guard notification.params["attachment"]?.stringValue == attachment else { continue }
      context.output.jsonLine(
        JSONValue.object(["method": .string(notification.method), "params": notification.params]))
      context.output.flush()
      if notification.method == StreamEndNotification.description.name { return }
    }
    throw Disconnected()
  }

  /// The parameters as they are written on the command line; nil for none.
  static func params(_ words: [String]) throws -> JSONValue? {
    guard let first = words.first else { return nil }
    if words.count == 1, first == "-" || first.hasPrefix("{") || first.hasPrefix("[") {
      return try JSONText.Argument(argument: first)?.value()
    }
    var object = JSONObject()
    for word in words {
      guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
        throw Failure("`\(word)` is neither JSON nor NAME=TEXT nor NAME:=JSON", status: .usage)
      }
      let value = String(word[word.index(after: equals)...])
      let name = word[..<equals]
      if name.last == ":" {
        object[String(name.dropLast())] = try JSONText.Argument(argument: value)?.value()
      } else {
        object[String(name)] = .string(value)
      }
    }
    return .object(object)
  }
}
