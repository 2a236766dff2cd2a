import Foundation
import JSON
import Yams

/// Reads the folder `Protocol/`: `openrpc.yaml` and one file for each family.
struct DefinitionReader {
  let folder: URL
  let faults = FaultList()

  /// The families that come first wherever families are listed; others follow by name.
  static let familyOrder = ["base", "server", "workspace", "file", "stream", "job"]

  /// - Throws: `DefinitionFaults` with everything that is wrong, where anything is.
  func read() throws -> ProtocolDefinition {
    var definition = ProtocolDefinition()
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".yaml") }.sorted()
    for file in files {
      let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
      guard let fields = parse(text, file: file) else { continue }
      if file == "openrpc.yaml" {
        readShared(fields, into: &definition)
      } else {
        definition.families.append(readFamily(fields))
      }
    }
    if !files.contains("openrpc.yaml") {
      faults.add(Place(file: "openrpc.yaml", line: 1), "the file is missing")
    }
    let order = Self.familyOrder
    definition.families.sort { a, b in
      let left = order.firstIndex(of: a.name) ?? order.count
      let right = order.firstIndex(of: b.name) ?? order.count
      return (left, a.name) < (right, b.name)
    }
    Validation(definition: definition, faults: faults).run()
    try faults.throwIfAny()
    return definition
  }

  private func parse(_ text: String, file: String) -> Fields? {
    do {
      guard let node = try Yams.compose(yaml: text) else {
        faults.add(Place(file: file, line: 1), "the file is empty")
        return nil
      }
      return Fields(node, of: "the file", in: file, faults: faults)
    } catch {
      faults.add(Place(file: file, line: 1), "\(error)")
      return nil
    }
  }

  // MARK: The two kinds of file

  private func readShared(_ fields: Fields, into definition: inout ProtocolDefinition) {
    var fields = fields
    if let node = fields.required("info"), let info = readInfo(node, file: fields.place.file) {
      definition.info = info
    }
    if let node = fields.required("components"),
      var components = Fields(node, of: "`components`", in: fields.place.file, faults: faults)
    {
      if let errors = components.required("errors"),
        var rows = Fields(errors, of: "`errors`", in: fields.place.file, faults: faults)
      {
        definition.errors = rows.rest().compactMap { readError($0.key, $0.node, file: fields.place.file) }
      }
      definition.shared = readComponents(&components)
      components.finish("`components`")
    }
    fields.finish("the file")
  }

  private func readFamily(_ fields: Fields) -> Family {
    var fields = fields
    let file = fields.place.file
    var family = Family(name: "", description: "", file: file)
    if let node = fields.required("family"),
      var head = Fields(node, of: "`family`", in: file, faults: faults)
    {
      family.name = head.text("name")
      family.description = head.text("description")
      head.finish("`family`")
    }
    family.methods = fields.list("methods").compactMap { readMethod($0, file: file) }
    if let node = fields.node("components"),
      var components = Fields(node, of: "`components`", in: file, faults: faults)
    {
      family.components = readComponents(&components)
      if let events = components.node("x-events"),
        var rows = Fields(events, of: "`x-events`", in: file, faults: faults)
      {
        family.events = rows.rest().compactMap { readEvent($0.key, $0.node, file: file) }
      }
      components.finish("`components`")
    }
    fields.finish("the file")
    return family
  }

  private func readComponents(_ components: inout Fields) -> [Component] {
    let file = components.place.file
    guard let node = components.node("schemas"),
      var rows = Fields(node, of: "`schemas`", in: file, faults: faults)
    else { return [] }
    let reader = SchemaReader(file: file, faults: faults)
    return rows.rest().map { key, node in
      let schema = reader.read(node, of: key, isNamed: true)
      if schema.description == nil { faults.add(schema.place, "\(key) has no description") }
      return Component(name: key, schema: schema, place: schema.place)
    }
  }

  private func readInfo(_ node: Node, file: String) -> JSONObject? {
    guard var fields = Fields(node, of: "`info`", in: file, faults: faults) else { return nil }
    var info: JSONObject = [
      "title": .string(fields.text("title")), "version": .string(fields.text("version")),
      "description": .string(fields.text("description")),
    ]
    if let license = fields.node("license"),
      var members = Fields(license, of: "`license`", in: file, faults: faults)
    {
      info["license"] = ["name": .string(members.text("name")), "url": .string(members.text("url"))]
      members.finish("`license`")
    }
    fields.finish("`info`")
    return info
  }
}
