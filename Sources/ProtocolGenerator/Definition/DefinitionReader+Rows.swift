import Yams

extension DefinitionReader {
  func readError(_ name: String, _ node: Node, file: String) -> ErrorDefinition? {
    guard var fields = Fields(node, of: "the error \(name)", in: file, faults: faults) else { return nil }
    _ = fields.required("code")
    let error = ErrorDefinition(
      name: name, code: fields.integer("code") ?? 0, isRetryable: fields.flag("retryable"),
      isCommon: fields.flag("common"), description: fields.text("description"), place: fields.place)
    fields.finish("the error \(name)")
    return error
  }

  func readEvent(_ name: String, _ node: Node, file: String) -> EventDefinition? {
    guard var fields = Fields(node, of: "the event \(name)", in: file, faults: faults) else { return nil }
    let reader = SchemaReader(file: file, faults: faults)
    guard let schema = fields.required("schema") else { return nil }
    let event = EventDefinition(
      name: name, stream: fields.text("stream"), description: fields.text("description"),
      schema: reader.read(schema, of: "the event \(name)"), place: fields.place)
    fields.finish("the event \(name)")
    return event
  }

  func readMethod(_ node: Node, file: String) -> MethodDefinition? {
    guard var fields = Fields(node, of: "a method", in: file, faults: faults) else { return nil }
    let name = fields.text("name")
    let isNotification = fields.flag("x-notification")
    let directions = MethodDefinition.Direction.allCases.map(\.rawValue)
    let direction = word(&fields, "x-direction", of: name, among: directions, else: directions[0])
    let method = MethodDefinition(
      name: name,
      summary: fields.text("summary"),
      description: fields.optionalText("description"),
      lane: word(&fields, "x-lane", of: name, among: ["inline", "serial", "concurrent"]),
      serialKey: fields.optionalText("x-serial-key"),
      scope: word(&fields, "x-scope", of: name, among: ["none", "read", "write", "admin"]),
      stability: word(
        &fields, "x-stability", of: name, among: ["stable", "experimental", "deprecated"], else: "stable"),
      direction: MethodDefinition.Direction(rawValue: direction) ?? .clientToServer,
      isNotification: isNotification,
      opensStream: fields.flag("x-stream"),
      params: readParams(&fields, of: name),
      result: readResult(&fields, of: name),
      errors: fields.words("x-errors"),
      place: fields.place)
    if isNotification, method.result != nil { faults.add(method.place, "\(name) is a notification and has a result") }
    if !isNotification, method.result == nil { faults.add(method.place, "\(name) has no result") }
    if (method.lane == "serial") != (method.serialKey != nil) {
      faults.add(method.place, "\(name) needs `x-serial-key` with the lane `serial`, and only with it")
    }
    fields.finish("the method \(name)")
    return method
  }

  private func readParams(_ fields: inout Fields, of method: String) -> [Member] {
    let reader = SchemaReader(file: fields.place.file, faults: faults)
    _ = fields.required("params")
    return fields.list("params").compactMap { node in
      guard var row = Fields(node, of: "a parameter of \(method)", in: fields.place.file, faults: faults) else {
        return nil
      }
      let name = row.text("name")
      let what = "the parameter `\(name)` of \(method)"
      guard let schema = row.required("schema") else { return nil }
      let member = Member(
        name: name, description: row.text("description"), isRequired: row.flag("required"),
        schema: reader.read(schema, of: what))
      row.finish(what)
      return member
    }
  }

  private func readResult(_ fields: inout Fields, of method: String) -> MethodResult? {
    guard let node = fields.node("result"),
      var row = Fields(node, of: "the result of \(method)", in: fields.place.file, faults: faults)
    else { return nil }
    let reader = SchemaReader(file: fields.place.file, faults: faults)
    let name = row.text("name")
    guard let schema = row.required("schema") else { return nil }
    let result = MethodResult(name: name, schema: reader.read(schema, of: "the result of \(method)"))
    row.finish("the result of \(method)")
    return result
  }

  private func word(
    _ fields: inout Fields, _ key: String, of method: String, among words: [String], else standard: String? = nil
  ) -> String {
    if standard == nil { _ = fields.required(key) }
    guard let word = fields.optionalText(key) else { return standard ?? words[0] }
    if !words.contains(word) {
      faults.add(fields.place, "\(method): `\(key)` must be one of \(words.joined(separator: ", ")), not `\(word)`")
    }
    return word
  }
}
