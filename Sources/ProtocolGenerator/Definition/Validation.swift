import JSON

/// What can only be checked once every file has been read.
struct Validation {
  let definition: ProtocolDefinition
  let faults: FaultList

  func run() {
    let components = Dictionary(definition.components.map { ($0.name, $0.schema) }) { first, _ in first }
    unique(definition.families.map { ($0.name, Place(file: $0.file, line: 1)) }, "the family")
    unique(definition.methods.map { ($0.name, $0.place) }, "the method")
    unique(definition.errors.map { ($0.name, $0.place) }, "the error")
    unique(definition.events.map { ($0.name, $0.place) }, "the event")
    unique(
      definition.components.map { ($0.name, $0.place) }
        + definition.methods.map { (SwiftName.method($0), $0.place) }, "the Swift type")
    definition.methods.forEach { check($0, components) }
    definition.events.forEach { check($0.schema, components) }
    definition.components.forEach { check($0.schema, components) }
  }

  private func unique(_ rows: [(name: String, place: Place)], _ what: String) {
    var seen: [String: Place] = [:]
    for (name, place) in rows {
      if let first = seen.updateValue(place, forKey: name) {
        faults.add(place, "\(what) `\(name)` is there twice; the other is at \(first.file):\(first.line)")
      }
    }
  }

  private func check(_ method: MethodDefinition, _ components: [String: Schema]) {
    let errors = Set(definition.errors.map(\.name))
    for error in method.errors where !errors.contains(error) {
      faults.add(method.place, "\(method.name) names an unknown error `\(error)`")
    }
    unique(method.errors.map { ($0, method.place) }, "\(method.name): the error")
    unique(method.params.map { ($0.name, $0.schema.place) }, "\(method.name): the parameter")
    check(members: method.params, components)
    let firstOptional = method.params.firstIndex { !$0.isRequired } ?? method.params.count
    for param in method.params[firstOptional...] where param.isRequired {
      faults.add(param.schema.place, "\(method.name): `\(param.name)` is required and must come before what is not")
    }
    if let result = method.result { check(result.schema, components) }
  }

  private func check(members: [Member], _ components: [String: Schema]) {
    for member in members {
      if member.isRequired, member.defaultValue != nil {
        faults.add(member.schema.place, "`\(member.name)` is required and has a default")
      }
      check(member.schema, components)
    }
  }

  private func check(_ schema: Schema, _ components: [String: Schema]) {
    switch schema.shape {
    case .reference(let name):
      guard let target = components[name] else {
        faults.add(schema.place, "there is no component `\(name)`")
        return
      }
      if case .reference = target.shape { faults.add(schema.place, "`\(name)` is only another name for a component") }
      if let value = schema.defaultValue { check(value, fits: target, schema.place) }
    case .array(let items, _): check(items, components)
    case .map(let values, _): check(values, components)
    case .structure(let members): check(members: members, components)
    case .string(let bounds): check(bounds, schema.place)
    case .any, .null, .boolean, .integer, .number, .enumeration, .freeForm: break
    }
    if let value = schema.defaultValue { check(value, fits: schema, schema.place) }
  }

  private func check(_ bounds: TextBounds, _ place: Place) {
    guard let pattern = bounds.pattern else { return }
    do {
      _ = try PatternParser.parse(pattern)
    } catch {
      faults.add(place, "the pattern \(pattern) \(error.message)")
    }
  }

  private func check(_ value: JSONValue, fits schema: Schema, _ place: Place) {
    let fits =
      switch (schema.shape, value) {
      case (.enumeration(let words), .string(let word)): words.contains(word)
      case (.integer(let bounds), .integer(let number)), (.number(let bounds), .integer(let number)):
        (bounds.minimum ?? -.infinity)...(bounds.maximum ?? .infinity) ~= Double(number)
      case (.number(let bounds), .number(let number)):
        (bounds.minimum ?? -.infinity)...(bounds.maximum ?? .infinity) ~= number
      case (.structure(let members), .object(let object)): object.isEmpty && !members.contains { $0.isRequired }
      case (.string, .string), (.boolean, .bool), (.reference, _): true
      default: false
      }
    if !fits { faults.add(place, "the default \(value.jsonString) does not fit its type") }
  }
}
