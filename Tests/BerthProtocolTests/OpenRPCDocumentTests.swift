import BerthProtocol
import JSON
import Testing

/// Checks the document against the rules of OpenRPC 1.3.2's meta-schema.
@Suite struct OpenRPCDocumentTests {
  private let document: JSONValue

  init() throws {
    document = try JSONParser.parse(UnsafeRawBufferPointer(OpenRPCDocument.bytes))
  }

  /// What an object of the document must and may hold; members that begin with `x-` may always be there, but for those
  /// of an error.
  private func check(
    _ object: JSONObject?, _ place: String, required: Set<String>, optional: Set<String> = [], isOpen: Bool = true
  ) {
    guard let object else {
      Issue.record("\(place) is no object")
      return
    }
    let keys = Set(object.keys)
    #expect(keys.isSuperset(of: required), "\(place)")
    let unknown = keys.subtracting(required).subtracting(optional).filter { !(isOpen && $0.hasPrefix("x-")) }
    #expect(unknown.isEmpty, "\(place)")
  }

  @Test func theDocumentHasItsParts() {
    check(document.objectValue, "the document", required: ["openrpc", "info", "methods"], optional: ["components"])
    #expect(document["openrpc"] == "1.3.2")
    check(
      document["info"]?.objectValue, "info", required: ["title", "version"], optional: ["description", "license"])
    check(document["info"]?["license"]?.objectValue, "license", required: [], optional: ["name", "url"])
    for (name, tag) in members(document["components"]?["tags"]) {
      check(tag.objectValue, "tag \(name)", required: ["name"], optional: ["description"])
    }
    for (name, error) in members(document["components"]?["errors"]) { checkError(error, name) }
  }

  @Test func methodsHaveTheirParts() throws {
    for method in document["methods"]?.arrayValue ?? [] {
      let name = try #require(method["name"]?.stringValue)
      check(
        method.objectValue, name, required: ["name", "params"],
        optional: ["tags", "summary", "description", "paramStructure", "result", "errors"])
      #expect(["by-position", "by-name", "either"].contains(method["paramStructure"]?.stringValue))
      for param in method["params"]?.arrayValue ?? [] { checkDescriptor(param, "a parameter of \(name)") }
      if let result = method["result"] { checkDescriptor(result, "the result of \(name)") }
      for error in method["errors"]?.arrayValue ?? [] { checkError(error, name) }
      for key in ["x-lane", "x-scope", "x-stability", "x-direction", "x-stream"] {
        #expect(method[key] != nil, "\(name) \(key)")
      }
    }
  }

  private func checkDescriptor(_ descriptor: JSONValue, _ place: String) {
    check(descriptor.objectValue, place, required: ["name", "schema"], optional: ["description", "required"])
    #expect(descriptor["name"]?.stringValue?.isEmpty == false)
    #expect(descriptor["schema"]?.objectValue != nil)
  }

  private func checkError(_ error: JSONValue, _ place: String) {
    check(
      error.objectValue, "an error of \(place)", required: ["code", "message"], optional: ["data"], isOpen: false)
    #expect(error["code"]?.intValue != nil && error["message"]?.stringValue != nil)
  }

  @Test func requiredParametersComeFirst() {
    for method in document["methods"]?.arrayValue ?? [] {
      let required = (method["params"]?.arrayValue ?? []).map { $0["required"] == true }
      #expect(required == required.sorted { $0 && !$1 }, "\(method["name"] ?? nil)")
    }
  }

  @Test func everyReferenceLeadsSomewhere() {
    func visit(_ value: JSONValue) {
      for element in value.arrayValue ?? [] { visit(element) }
      for (key, member) in members(value) {
        if key == "$ref", let path = member.stringValue {
          let target = path.split(separator: "/").dropFirst().reduce(Optional(document)) { $0?[String($1)] }
          #expect(target != nil, "\(path)")
        }
        visit(member)
      }
    }
    visit(document)
  }

  @Test func itTellsWhatTheMethodTableTells() {
    let methods = document["methods"]?.arrayValue ?? []
    #expect(methods.compactMap { $0["name"]?.stringValue } == MethodTable.methods.map { $0.description.name })
    for (method, type) in zip(methods, MethodTable.methods) {
      let description = type.description
      #expect(method["x-lane"]?.stringValue == description.lane.rawValue)
      #expect(method["x-scope"]?.stringValue == description.scope.rawValue)
      #expect(method["x-direction"]?.stringValue == description.direction.rawValue)
      #expect(method["x-stream"]?.boolValue == description.opensStream)
      #expect((method["result"] == nil) == description.isNotification, "\(description.name)")
    }
  }

  private func members(_ value: JSONValue?) -> [(String, JSONValue)] {
    (value?.objectValue?.members ?? []).map { ($0.key, $0.value) }
  }
}
