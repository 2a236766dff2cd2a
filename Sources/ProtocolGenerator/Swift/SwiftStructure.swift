/// Writes a Swift structure for an object: its members, its initializer, its reading and its writing.
struct SwiftStructure {
  let name: String
  let conformances: String
  let members: [Member]
  /// Whether it may come as an array, by position.
  let isParameters: Bool
  let types: SwiftType

  func write(into source: inout SourceWriter) {
    source.block("package struct \(name): \(conformances) {") { source in
      if isParameters {
        source.list(
          "package static let positional: [String] = [", members.map { SwiftName.literal($0.name) }, "]",
          trailingComma: true)
      }
      for (name, pattern) in members.compactMap(types.pattern) { writePattern(name, pattern, &source) }
      if !members.isEmpty, isParameters || members.contains(where: { types.pattern($0) != nil }) { source.line() }
      for member in members {
        source.wrapped(member.description, prefix: "/// ")
        source.line("package var \(SwiftName.quoted(member.name)): \(types.name(member))")
      }
      source.line()
      writeMemberwise(&source)
      source.line()
      writeDecoding(&source)
      source.line()
      writeEncoding(&source)
    }
  }

  private func writePattern(_ name: String, _ pattern: String, _ source: inout SourceWriter) {
    let steps = (try? PatternParser.parse(pattern)) ?? []  // Validated before.
    source.list(
      "private static let \(name) = Pattern(", ["#\"\(pattern)\"#"] + steps.map(\.swift), ")")
  }

  private func writeMemberwise(_ source: inout SourceWriter) {
    if members.isEmpty { return source.line("package init() {}") }
    let parameters = members.map { member in
      let standard = types.defaultValue(member) ?? (types.isOptional(member) ? "nil" : nil)
      return "\(SwiftName.quoted(member.name)): \(types.name(member))" + (standard.map { " = \($0)" } ?? "")
    }
    source.list("package init(", parameters, ") {")
    source.indented { source in
      for member in members { source.line("self.\(member.name) = \(SwiftName.quoted(member.name))") }
    }
    source.line("}")
  }

  private func writeDecoding(_ source: inout SourceWriter) {
    source.block("package init?(_ json: JSONValue, decoding: inout Decoding) {") { source in
      let object = isParameters ? "parameters(json, Self.positional)" : "object(json)"
      if members.isEmpty {
        return source.line("guard decoding.\(object) != nil else { return nil }")
      }
      source.line("guard let object = decoding.\(object) else { return nil }")
      source.line("let faultsBefore = decoding.faults.count")
      for member in members {
        writeReading(member, &source)
      }
      let unwrapped = members.filter(\.isRequired).map { "let \(SwiftName.quoted($0.name))" }
      source.list("guard ", ["decoding.faults.count == faultsBefore"] + unwrapped, " else { return nil }")
      for member in members { source.line("self.\(member.name) = \(SwiftName.quoted(member.name))") }
    }
  }

  private func writeReading(_ member: Member, _ source: inout SourceWriter) {
    let name = "let \(SwiftName.quoted(member.name)) ="
    let (function, arguments) = types.reading(member)
    if let value = types.defaultValue(member) {
      source.list(name + " ", ["\(function)(\(arguments)) ?? \(value)"], "", hangs: true)
    } else {
      source.list("\(name) \(function)(", [arguments], ")", hangs: true)
    }
  }

  private func writeEncoding(_ source: inout SourceWriter) {
    source.block("package func encode(into writer: inout JSONWriter) {") { source in
      source.line("writer.beginObject()")
      for member in members {
        let value = SwiftName.quoted(member.name)
        let key = "writer.key(plain: \(SwiftName.literal(member.name)))"
        if types.isOptional(member) {
          source.block("if let \(value) {") { source in
            source.line(key)
            types.write(member.schema, value, into: &source)
          }
        } else {
          source.line(key)
          types.write(member.schema, value, into: &source)
        }
      }
      source.line("writer.endObject()")
    }
  }
}
