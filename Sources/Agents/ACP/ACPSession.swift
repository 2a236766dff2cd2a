import BerthProtocol
import JSON

/// What an agent tells of its session: its modes and options.
extension SessionRecord {
  /// Takes over modes and options from the answer to the opening of a session.
  mutating func take(_ result: JSONObject, _ connection: inout ACPConnection) {
    let before = session
    if let modes = result["modes"]?.objectValue {
      connection.hasModes = true
      session.mode = modes["currentModeId"]?.stringValue
      let values = (modes["availableModes"]?.arrayValue ?? []).compactMap { mode -> AgentOptionValue? in
        guard let id = mode["id"]?.stringValue else { return nil }
        return AgentOptionValue(value: id, name: mode["name"]?.stringValue ?? id)
      }
      let option = AgentOption(id: Self.modeOption, name: "Mode", value: session.mode ?? "", values: values)
      session.options = [option] + (session.options ?? []).filter { $0.id != Self.modeOption }
    }
    if let options = result["configOptions"]?.arrayValue { take(options: options, &connection) }
    if session != before { session.version += 1 }
  }

  /// What modes are told as.
  static let modeOption = "mode"

  mutating func take(_ change: ACPUpdates.SessionChange, _ connection: inout ACPConnection) {
    let before = session
    switch change {
    case .mode(let id): take(mode: id)
    case .options(let options): take(options: options, &connection)
    case .title(let title): session.title = String(title.prefix(200))
    }
    if session != before { session.version += 1 }
  }

  mutating func take(mode id: String) {
    session.mode = id
    guard var options = session.options, let index = options.firstIndex(where: { $0.id == Self.modeOption }) else {
      return
    }
    options[index].value = id
    session.options = options
  }

  private mutating func take(options: [JSONValue], _ connection: inout ACPConnection) {
    var told = options.compactMap { AgentOption($0, &connection.booleans) }
    if let mode = told.first(where: { $0.id == Self.modeOption }) {
      session.mode = mode.value
    } else if let modes = session.options?.first(where: { $0.id == Self.modeOption }) {
      told.insert(modes, at: 0)
    }
    session.options = told
  }
}

extension AgentOption {
  fileprivate init?(_ json: JSONValue, _ booleans: inout Set<String>) {
    guard let id = json["id"]?.stringValue else { return nil }
    let name = json["name"]?.stringValue ?? id
    if json["type"]?.stringValue == "boolean" {
      booleans.insert(id)
      self.init(
        id: id, name: name, value: json["currentValue"]?.boolValue == true ? "true" : "false",
        values: [AgentOptionValue(value: "true", name: "On"), AgentOptionValue(value: "false", name: "Off")])
      return
    }
    booleans.remove(id)
    let entries = json["options"]?.arrayValue ?? []
    // Values may come in groups.
    let values = entries.flatMap { $0["options"]?.arrayValue ?? [$0] }
    self.init(
      id: id, name: name, value: json["currentValue"]?.stringValue ?? "",
      values: values.compactMap { entry in
        entry["value"]?.stringValue.map {
          AgentOptionValue(value: $0, name: entry["name"]?.stringValue ?? $0)
        }
      })
  }
}
