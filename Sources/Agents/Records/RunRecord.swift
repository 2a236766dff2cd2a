import BerthProtocol
import JSON

/// A run, with what clients are not told.
struct RunRecord: Sendable {
  @Shared var run: AgentRun
  /// What it is still to be given, in order.
  var turns: [Turn]
  /// What its driver needs to go on under the next server.
  var driver: JSONObject = [:]
  var options: StartOptions
  /// Whether somebody has cancelled it.
  var isCancelled = false
  /// How many events it has.
  var lastSeq = 0

  /// Something that is said to the agent.
  struct Turn: Sendable, Hashable {
    var prompt: [ContentBlock]
    var mode: SendMode
  }

  struct StartOptions: Sendable, Hashable {
    var mode: String?
    var options: [String: String] = [:]
    var permissionSeconds: Double
    var deadlineSeconds: Double?
  }
}

/// A session, with what clients are not told.
struct SessionRecord: Sendable {
  @Shared var session: AgentSession
  /// What its driver needs for the next run.
  var driver: JSONObject = [:]
}

extension RunState {
  /// Whether it stays as it is.
  var isFinal: Bool {
    switch self {
    case .queued, .starting, .running, .waiting: false
    case .completed, .failed, .cancelled, .interrupted: true
    }
  }
}

extension RunRecord.Turn: JSONEncodable, JSONDecodable {
  init?(_ json: JSONValue, decoding: inout Decoding) {
    guard let prompt = [ContentBlock](json["prompt"] ?? .null, decoding: &decoding),
      let mode = SendMode(json["mode"] ?? .null, decoding: &decoding)
    else { return nil }
    self.init(prompt: prompt, mode: mode)
  }

  func encode(into writer: inout JSONWriter) {
    writer.beginObject()
    writer.key(plain: "prompt")
    prompt.encode(into: &writer)
    writer.key(plain: "mode")
    mode.encode(into: &writer)
    writer.endObject()
  }
}

extension RunRecord.StartOptions: JSONEncodable, JSONDecodable {
  init?(_ json: JSONValue, decoding: inout Decoding) {
    guard let options = [String: String](json["options"] ?? [:], decoding: &decoding) else { return nil }
    self.init(
      mode: json["mode"]?.stringValue, options: options,
      permissionSeconds: Double(json["permissionSeconds"] ?? .null, decoding: &decoding) ?? 0,
      deadlineSeconds: json["deadlineSeconds"].flatMap { Double($0, decoding: &decoding) })
  }

  func encode(into writer: inout JSONWriter) {
    writer.beginObject()
    if let mode {
      writer.key(plain: "mode")
      writer.string(mode)
    }
    writer.key(plain: "options")
    options.encode(into: &writer)
    writer.key(plain: "permissionSeconds")
    writer.number(permissionSeconds)
    if let deadlineSeconds {
      writer.key(plain: "deadlineSeconds")
      writer.number(deadlineSeconds)
    }
    writer.endObject()
  }
}
