import JSON

/// A class for each group of methods, with a function for each method.
extension PythonOutput {
  func writeCaller(_ source: inout SourceWriter) {
    source.line()
    source.line()
    source.block("class Caller(Protocol):", closing: nil) { source in
      source.line("\"\"\"What carries calls to the server.\"\"\"")
      source.line()
      source.block("async def request(self, method: str, params: Mapping[str, Any]) -> Any:", closing: nil) {
        $0.line("\"\"\"Sends a request and returns its result.\"\"\"")
      }
      source.line()
      source.block("async def notify(self, method: str, params: Mapping[str, Any]) -> None:", closing: nil) {
        $0.line("\"\"\"Sends a notification.\"\"\"")
      }
    }
    source.line()
    source.line()
    source.block(
      "def _params(required: dict[str, Any], optional: Mapping[str, Any]) -> dict[str, Any]:", closing: nil
    ) { source in
      source.line("required.update((name, value) for name, value in optional.items() if value is not None)")
      source.line("return required")
    }
  }

  func write(_ group: MethodGroup, _ source: inout SourceWriter) {
    source.line()
    source.line()
    source.block("class \(group.typeName):", closing: nil) { source in
      writeDoc(group.description, &source)
      source.line()
      source.line("__slots__ = (\"_caller\",)")
      source.line()
      source.block("def __init__(self, caller: Caller) -> None:", closing: nil) { $0.line("self._caller = caller") }
      for method in group.methods { write(method, &source) }
    }
  }

  private func write(_ method: MethodDefinition, _ source: inout SourceWriter) {
    var arguments = ["self"]
    for param in method.params where param.isRequired {
      arguments.append("\(PythonName.argument(param.name)): \(type(param.schema, isArgument: true))")
    }
    let optional = method.params.filter { !$0.isRequired }
    if !optional.isEmpty { arguments.append("*") }
    for param in optional {
      arguments.append("\(PythonName.argument(param.name)): \(type(param.schema, isArgument: true)) | None = None")
    }
    let result = method.result.map { type($0.schema) } ?? "None"
    source.line()
    source.list(
      "async def \(PythonName.argument(method.shortName))(", arguments, ") -> \(result):", trailingComma: true,
      width: 100)
    source.indented { source in
      writeDoc(method, &source)
      writeCall(method, result: result, &source)
    }
  }

  private func writeDoc(_ method: MethodDefinition, _ source: inout SourceWriter) {
    if method.description == nil, method.params.isEmpty { return writeDoc(method.summary, &source) }
    source.line("\"\"\"\(method.summary)")
    if let description = method.description {
      source.line()
      source.wrapped(description, prefix: "", width: 100)
    }
    if !method.params.isEmpty {
      source.line()
      for param in method.params {
        let standard = param.defaultValue.map { " Default: `\($0.jsonString)`." } ?? ""
        let lines = wrap("\(PythonName.argument(param.name)): \(param.description)\(standard)", width: 86)
        for (index, line) in lines.enumerated() { source.line((index == 0 ? "" : "    ") + line) }
      }
    }
    source.line("\"\"\"")
  }

  private func writeCall(_ method: MethodDefinition, result: String, _ source: inout SourceWriter) {
    func rows(_ members: [Member]) -> [String] {
      members.map { "\(Self.literal($0.name)): \(PythonName.argument($0.name))" }
    }
    let required = rows(method.params.filter(\.isRequired))
    let optional = rows(method.params.filter { !$0.isRequired })
    var params = "{\(required.joined(separator: ", "))}"
    if !optional.isEmpty {
      source.line("params = _params(")
      source.indented { source in
        source.list("{", required, "},", trailingComma: true, width: 100)
        source.list("{", optional, "},", trailingComma: true, width: 100)
      }
      source.line(")")
      params = "params"
    }
    let function = method.isNotification ? "notify" : "request"
    let call = "await self._caller.\(function)(\(Self.literal(method.name)), \(params))"
    let flat = "return cast(\(result), \(call))"
    if result == "None" {
      source.line(call)
    } else if flat.count <= 92 {
      source.line(flat)
    } else {
      source.line("result = \(call)")
      source.line("return cast(\(result), result)")
    }
  }

  func writeMethods(_ groups: [MethodGroup], _ source: inout SourceWriter) {
    source.line()
    source.line()
    source.block("class Methods:", closing: nil) { source in
      source.line("\"\"\"Every method of the protocol, by the first part of its name.\"\"\"")
      source.line()
      source.block("def __init__(self, caller: Caller) -> None:", closing: nil) { source in
        for group in groups { source.line("self.\(group.name) = \(group.typeName)(caller)") }
      }
    }
  }
}
