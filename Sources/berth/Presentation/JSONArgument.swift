import ArgumentParser
import JSON

extension JSONText {
  /// A JSON document on the command line; `-` for one at standard input.
  struct Argument: ExpressibleByArgument {
    let text: String

    init?(argument: String) {
      text = argument
    }

    func value() throws -> JSONValue {
      let bytes = text == "-" ? try Input.readAll() : Array(text.utf8)
      do {
        return try JSONParser.parse(bytes)
      } catch {
        throw Failure("`\(DisplayText.cut(text, to: 60))` is not JSON: \(error)", status: .usage)
      }
    }

    func object() throws -> JSONObject {
      guard let object = try value().objectValue else {
        throw Failure("`\(DisplayText.cut(text, to: 60))` is not a JSON object", status: .usage)
      }
      return object
    }
  }
}
