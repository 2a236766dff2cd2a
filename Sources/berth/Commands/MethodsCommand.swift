import ArgumentParser
import BerthProtocol
import JSON

/// `berth methods`: what the server can be called for.
struct MethodsCommand: ServerCommand {
  static let configuration = CommandConfiguration(
    commandName: "methods",
    abstract: "List the methods of the protocol, or show one with its parameters and result.")

  @Argument(
    help: "A method, or the beginning of several, such as `workspace/`.",
    completion: .custom { _, _, _ in Completion.methods() })
  var name: String?

  @OptionGroup(title: "Server and output") var options: CommandOptions

  func run(_ context: Context) throws {
    let document = ProtocolDocument(try context.request(RpcDiscover.self, .init()))
    let methods = document.methods.filter { name == nil || $0["name"]?.stringValue == name }
    if let name, let method = methods.first {
      return context.show(method) { _ in document.print(method, named: name, context.output) }
    }
    let family = document.methods.filter { $0["name"]?.stringValue?.hasPrefix(name ?? "") == true }
    guard !family.isEmpty else {
      throw Failure("there is no method \(name ?? "")", status: .notFound, hint: "`berth methods` lists them")
    }
    if context.json { return context.output.json(family) }
    var table = Table(.left("METHOD"), .left("SCOPE"), .text("SUMMARY"))
    for method in family {
      let isFromServer = method["x-direction"]?.stringValue == "server-to-client"
      let isNotification = method["x-notification"]?.boolValue == true
      table.add(
        .init(method["name"]?.stringValue ?? "", isNotification ? .cyan : .bold),
        .init(isFromServer ? "from server" : method["x-scope"]?.stringValue ?? "", .dim),
        .init(method["summary"]?.stringValue ?? ""))
    }
    context.output.print(table)
  }
}

/// The OpenRPC document of a server.
struct ProtocolDocument {
  let methods: [JSONValue]
  private let schemas: JSONValue

  init(_ document: JSONObject) {
    methods = document["methods"]?.arrayValue ?? []
    schemas = document["components"]?["schemas"] ?? .null
  }

  /// Prints a method for people: what it does, its parameters, its result and its errors.
  func print(_ method: JSONValue, named name: String, _ output: Output) {
    let style = output.style
    output.line(style(.bold, name) + "  " + (method["summary"]?.stringValue ?? ""))
    if let description = method["description"]?.stringValue { paragraph(description, output) }
    let marks = ["x-lane", "x-scope", "x-stability"].compactMap { key in
      method[key]?.stringValue.map { "\(key.dropFirst(2)) \($0)" }
    }
    output.line(style(.dim, marks.joined(separator: " · ")))
    section("Parameters", method["params"]?.arrayValue ?? [], output) { parameter in
      row(
        parameter["name"]?.stringValue ?? "", parameter["schema"] ?? .null,
        isRequired: parameter["required"]?.boolValue == true, parameter["description"]?.stringValue)
    }
    if let schema = method["result"]?["schema"] {
      let type = typeName(schema)
      let properties = resolve(schema)["properties"]?.objectValue?.members ?? []
      let required = Set((resolve(schema)["required"]?.arrayValue ?? []).compactMap(\.stringValue))
      if properties.isEmpty { output.line("\n" + style(.bold, "Result") + "  " + type) }
      section("Result  \(type)", properties, output) { member in
        row(
          member.key, member.value, isRequired: required.contains(member.key), member.value["description"]?.stringValue)
      }
    }
    section("Errors", method["errors"]?.arrayValue ?? [], output) { error in
      [
        .init(error["data"]?["type"]?.stringValue ?? "", .yellow),
        .init(error["code"]?.intValue.map { "\($0)" } ?? ""), .init(error["message"]?.stringValue ?? ""),
      ]
    }
  }

  private func row(_ name: String, _ schema: JSONValue, isRequired: Bool, _ text: String?) -> [Table.Cell] {
    let fallback = schema["default"].map { " Default: \($0.jsonString)." } ?? ""
    let words = (text ?? resolve(schema)["description"]?.stringValue ?? "") + fallback
    return [
      .init(name, isRequired ? .bold : .plain), .init(typeName(schema) + (isRequired ? "" : "?"), .cyan), .init(words),
    ]
  }

  private func section<Item>(
    _ title: String, _ items: [Item], _ output: Output, _ cells: (Item) -> [Table.Cell]
  ) {
    guard !items.isEmpty else { return }
    output.line("\n" + output.style(.bold, title))
    let rows = items.map(cells)
    let widths = (0..<2).map { column in rows.map { DisplayText.width($0[column].text) }.max() ?? 0 }
    let indent = widths[0] + widths[1] + 6
    for row in rows {
      let head = (0..<2).map { column in
        output.style(row[column].look, row[column].text)
          + String(repeating: " ", count: widths[column] - DisplayText.width(row[column].text))
      }
      let lines = wrap(row[2].text, to: output.isTerminal ? max(24, Terminal.width - indent) : Int.max)
      output.line("  " + head.joined(separator: "  ") + "  " + (lines.first ?? ""))
      for line in lines.dropFirst() { output.line(String(repeating: " ", count: indent) + line) }
    }
  }

  private func paragraph(_ text: String, _ output: Output) {
    for line in wrap(text, to: output.isTerminal ? Terminal.width : Int.max) { output.line(line) }
  }

  private func wrap(_ text: String, to width: Int) -> [String] {
    var lines: [String] = [""]
    for word in text.split(separator: " ") {
      let line = lines[lines.count - 1]
      if !line.isEmpty, DisplayText.width(line) + 1 + DisplayText.width(String(word)) > width {
        lines.append(String(word))
      } else {
        lines[lines.count - 1] = line.isEmpty ? String(word) : "\(line) \(word)"
      }
    }
    return lines
  }

  /// What a schema is called: `string`, `[FileInfo]`, `active|archived`.
  private func typeName(_ schema: JSONValue) -> String {
    if let reference = schema["$ref"]?.stringValue {
      let target = resolve(schema)
      if let values = target["enum"]?.arrayValue { return choices(values) }
      if target["type"]?.stringValue != "object" { return typeName(target) }
      return String(reference.split(separator: "/").last ?? "")
    }
    if let values = schema["enum"]?.arrayValue { return choices(values) }
    switch schema["type"]?.stringValue {
    case "array": return "[\(typeName(schema["items"] ?? .null))]"
    case let type?: return type
    case nil: return "any"
    }
  }

  private func choices(_ values: [JSONValue]) -> String {
    values.map { $0.stringValue ?? $0.jsonString }.joined(separator: "|")
  }

  private func resolve(_ schema: JSONValue) -> JSONValue {
    guard let name = schema["$ref"]?.stringValue?.split(separator: "/").last else { return schema }
    return schemas[String(name)] ?? .null
  }
}
