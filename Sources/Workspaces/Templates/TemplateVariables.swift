internal import BerthProtocol
internal import JSON

/// The variables of a template, with the values that they have in one use of it.
struct TemplateVariables: Sendable {
  private let values: [[UInt8]: [UInt8]]

  static let none = TemplateVariables(values: [:])

  private init(values: [[UInt8]: [UInt8]]) {
    self.values = values
  }

  /// Gives each declared variable its value: the given one, else its default.
  ///
  /// - Throws: `template_variables` with a row for each that has none or does not match, `template_invalid` where the
  ///   declarations themselves are faulty.
  init(_ manifest: TemplateManifest, given: [String: String]) throws {
    let declared = manifest.variables ?? []
    let patterns = try Self.patterns(of: declared)
    var values: [[UInt8]: [UInt8]] = [:]
    var faults: [Fault] = []
    for variable in declared {
      let loc: [JSONValue] = ["variables", .string(variable.name)]
      guard let value = given[variable.name] ?? variable.default else {
        let purpose = variable.description.map { ": \($0)" } ?? ""
        faults.append(Fault(loc: loc, msg: "is required by the template\(purpose)", type: "missing"))
        continue
      }
      if let pattern = patterns[variable.name], !pattern.matchesWhole(value) {
        faults.append(Fault(loc: loc, msg: "must match `\(variable.pattern ?? "")` as a whole", type: "pattern"))
      }
      values[Array(variable.name.utf8)] = Array(value.utf8)
    }
    guard faults.isEmpty else { throw Self.fault(faults, declared) }
    self.values = values
  }

  var isEmpty: Bool { values.isEmpty }

  subscript(name: some Sequence<UInt8>) -> [UInt8]? { values[Array(name)] }

  private static func fault(_ faults: [Fault], _ declared: [TemplateVariable]) -> ProtocolError {
    let names = faults.compactMap { $0.loc.last?.stringValue.map { "`\($0)`" } }.joined(separator: ", ")
    return ProtocolError(
      .templateVariables,
      "The template needs other values for its variables: \(names). Pass them in `variables`.",
      detail: faults.map { "\($0.loc.last?.stringValue ?? ""): \($0.msg)" }.joined(separator: "; "), errors: faults,
      extra: ["variables": declared.jsonValue()])
  }

  private static func patterns(of declared: [TemplateVariable]) throws -> [String: LinearPattern] {
    var patterns: [String: LinearPattern] = [:]
    var names: Set<String> = []
    var faults: [Fault] = []
    for (index, variable) in declared.enumerated() {
      let loc: [JSONValue] = ["variables", .integer(index)]
      if !names.insert(variable.name).inserted {
        faults.append(Fault(loc: loc + ["name"], msg: "`\(variable.name)` is declared twice", type: "duplicate"))
      }
      guard let pattern = variable.pattern else { continue }
      do throws(LinearPattern.SyntaxError) {
        patterns[variable.name] = try LinearPattern(pattern)
      } catch {
        let place = error.offset > 0 ? " (at character \(error.offset + 1))" : ""
        faults.append(
          Fault(loc: loc + ["pattern"], msg: "is no pattern: \(error.message)\(place)", type: "pattern"))
      }
    }
    guard faults.isEmpty else { throw ProtocolError.manifestInvalid(faults) }
    return patterns
  }
}

extension ProtocolError {
  /// A `berth.template.yaml` that is not what it should be.
  static func manifestInvalid(_ faults: [Fault]) -> ProtocolError {
    let detail = faults.map { fault in
      let loc = fault.loc.map { $0.stringValue ?? $0.jsonString }.joined(separator: ".")
      return loc.isEmpty ? fault.msg : "\(loc): \(fault.msg)"
    }.joined(separator: "; ")
    return ProtocolError(
      .templateInvalid, "The template's `\(ManifestFile.name)` is faulty: \(detail).", detail: detail, errors: faults)
  }
}
