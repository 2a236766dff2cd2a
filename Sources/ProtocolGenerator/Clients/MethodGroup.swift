/// The methods that a client offers under one attribute: `client.workspace.get(…)`.
struct MethodGroup {
  /// The attribute: the first part of the methods' names, or `base` where they have one part only.
  var name: String
  var description: String
  /// What clients call; what the server sends is left out.
  var methods: [MethodDefinition]

  var typeName: String { name.firstUppercased + "Methods" }

  static func groups(of definition: ProtocolDefinition) -> [MethodGroup] {
    var groups: [MethodGroup] = []
    for family in definition.families {
      for method in family.methods where method.direction == .clientToServer {
        let name = groupName(method)
        if let index = groups.firstIndex(where: { $0.name == name }) {
          groups[index].methods.append(method)
        } else {
          let description = name == family.name ? family.description : "The methods `\(method.prefix)…`."
          groups.append(MethodGroup(name: name, description: description, methods: [method]))
        }
      }
    }
    return groups
  }

  private static func groupName(_ method: MethodDefinition) -> String {
    method.nameParts.count > 1 ? method.nameParts[0] : "base"
  }
}

extension MethodDefinition {
  /// `workspace/get` → `workspace`, `get`; `$/cancelRequest` → `cancelRequest`.
  fileprivate var nameParts: [String] {
    name.split { "/.$".contains($0) }.map(String.init)
  }

  fileprivate var prefix: String {
    String(name.prefix { !"/.".contains($0) }) + (name.contains(".") ? "." : "/")
  }

  /// The last part of the name.
  var shortName: String { nameParts.last ?? name }
}

extension ProtocolDefinition {
  /// The names of the types that clients send, in the parameters or below them. Of these, members with a default may be
  /// left out; in all others they are always there.
  var sentTypes: Set<String> {
    let schemas = Dictionary(components.map { ($0.name, $0.schema) }) { first, _ in first }
    var sent: Set<String> = []
    func visit(_ schema: Schema) {
      switch schema.shape {
      case .reference(let name):
        if sent.insert(name).inserted, let target = schemas[name] { visit(target) }
      case .array(let inner, _), .map(let inner, _): visit(inner)
      case .structure(let members): members.forEach { visit($0.schema) }
      case .any, .null, .boolean, .string, .integer, .number, .enumeration, .freeForm: break
      }
    }
    for method in methods where method.direction == .clientToServer { method.params.forEach { visit($0.schema) } }
    return sent
  }

  /// What the server sends without being asked.
  var serverNotifications: [MethodDefinition] {
    methods.filter { $0.direction == .serverToClient && $0.isNotification }
  }
}
