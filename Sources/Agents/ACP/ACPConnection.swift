import JSON
import Supervisor

/// Where a connection to an agent stands, as it is kept with the session: what was read, what is still to be sent, and
/// what is to be answered on either side. It is written down together with what came of it, so that whoever goes on
/// knows all of it.
struct ACPConnection {
  enum Phase: String {
    /// The program is being started, and asked what it is.
    case starting
    /// It is told who we are.
    case authenticating
    /// A session is being made or found again.
    case opening
    /// It takes prompts.
    case ready
  }

  /// What we have asked the agent.
  enum Question: Sendable, Hashable {
    case initialize, authenticate, new, load, resume, prompt
    case mode(String)
    case option(String)
  }

  /// What the agent has asked, and was not answered.
  struct Asked: Sendable {
    enum Kind: String, Sendable {
      /// `reference` is the permission.
      case permission
      /// `reference` is the terminal that is to be made.
      case create
      /// `reference` is the terminal whose end is awaited.
      case exit
    }

    let id: JSONValue
    let kind: Kind
    let reference: String
  }

  var phase = Phase.starting
  /// What the program was started with, so that it is started anew when that has changed.
  var plan = ""
  /// How far the agent's output was read; nil for nothing.
  var places: HeldOutput.Places?
  private(set) var nextID = 0
  private(set) var questions: [Int: Question] = [:]
  var asked: [Asked] = []
  var capabilities: JSONObject = [:]
  var authMethods: [JSONValue] = []
  /// What the agent calls the session.
  var session: String?
  /// Whether the session has modes; otherwise, what is called so is an option.
  var hasModes = false
  /// The options that are yes or no, by their ids.
  var booleans: Set<String> = []

  /// How many bytes were sent before what is in `outbox`.
  private(set) var sent = 0
  /// Whole lines that may not have been sent yet.
  private(set) var outbox: [String] = []
  /// How many bytes of `outbox` the agent's holder has taken. Not kept: the holder knows.
  private(set) var taken = 0

  init(plan: String) {
    self.plan = plan
  }

  // MARK: Sending

  /// Asks the agent something.
  @discardableResult
  mutating func ask(_ question: Question, _ method: String, _ params: JSONObject) -> Int {
    let id = nextID
    nextID += 1
    questions[id] = question
    post(["jsonrpc": "2.0", "id": .integer(id), "method": .string(method), "params": .object(params)])
    return id
  }

  mutating func notify(_ method: String, _ params: JSONObject) {
    post(["jsonrpc": "2.0", "method": .string(method), "params": .object(params)])
  }

  mutating func answer(_ id: JSONValue, _ result: JSONObject) {
    post(["jsonrpc": "2.0", "id": id, "result": .object(result)])
  }

  mutating func refuse(_ id: JSONValue, _ error: ACPError) {
    post(["jsonrpc": "2.0", "id": id, "error": ["code": .integer(error.code), "message": .string(error.message)]])
  }

  private mutating func post(_ message: JSONObject) {
    outbox.append(JSONValue.object(message).jsonString + "\n")
  }

  /// What we have asked under an id, which is answered now; nil where nothing was.
  mutating func takeQuestion(_ id: Int) -> Question? { questions.removeValue(forKey: id) }

  /// The id of a question that waits for its answer.
  func id(of question: Question) -> Int? { questions.first { $0.value == question }?.key }

  var hasQuestions: Bool { !questions.isEmpty }
  var openIDs: [Int] { questions.keys.sorted() }

  /// The next bytes to be sent, and how many were sent before them.
  var unsent: (bytes: [UInt8], offset: Int)? {
    var skip = taken
    var bytes: [UInt8] = []
    for line in outbox {
      let count = line.utf8.count
      if skip >= count {
        skip -= count
      } else {
        bytes += line.utf8.dropFirst(skip)
        skip = 0
      }
    }
    return bytes.isEmpty ? nil : (bytes, sent + taken)
  }

  /// Notes how much was sent in all. - Returns: false where that can't be.
  mutating func noteSent(_ total: Int) -> Bool {
    guard total >= sent, total - sent <= outbox.reduce(0, { $0 + $1.utf8.count }) else { return false }
    taken = total - sent
    return true
  }

  /// Forgets lines that were sent, right before this is written down.
  mutating func trim() {
    guard taken > 0 else { return }
    var count = 0
    while count < outbox.count, outbox[count].utf8.count <= taken {
      taken -= outbox[count].utf8.count
      sent += outbox[count].utf8.count
      count += 1
    }
    outbox.removeFirst(count)
  }
}

// MARK: JSON

extension ACPConnection.Question {
  init?(_ text: String) {
    switch text {
    case "initialize": self = .initialize
    case "authenticate": self = .authenticate
    case "new": self = .new
    case "load": self = .load
    case "resume": self = .resume
    case "prompt": self = .prompt
    default:
      if text.hasPrefix("mode:") {
        self = .mode(String(text.dropFirst(5)))
      } else if text.hasPrefix("option:") {
        self = .option(String(text.dropFirst(7)))
      } else {
        return nil
      }
    }
  }

  var text: String {
    switch self {
    case .initialize: "initialize"
    case .authenticate: "authenticate"
    case .new: "new"
    case .load: "load"
    case .resume: "resume"
    case .prompt: "prompt"
    case .mode(let id): "mode:" + id
    case .option(let id): "option:" + id
    }
  }
}

extension ACPConnection {
  /// Nil where none was begun.
  init?(_ json: JSONObject) {
    guard let phase = json["phase"]?.stringValue.flatMap(Phase.init(rawValue:)) else { return nil }
    self.phase = phase
    plan = json["plan"]?.stringValue ?? ""
    places = json["places"].flatMap { try? Decoding.decode(HeldOutput.Places.self, from: $0) }
    nextID = json["nextId"]?.intValue ?? 0
    for member in json["questions"]?.objectValue?.members ?? [] {
      if let id = Int(member.key), let question = member.value.stringValue.flatMap(Question.init) {
        questions[id] = question
      }
    }
    asked = (json["asked"]?.arrayValue ?? []).compactMap { entry in
      guard let id = entry["id"], let kind = entry["kind"]?.stringValue.flatMap(Asked.Kind.init(rawValue:)),
        let reference = entry["reference"]?.stringValue
      else { return nil }
      return Asked(id: id, kind: kind, reference: reference)
    }
    capabilities = json["capabilities"]?.objectValue ?? [:]
    authMethods = json["authMethods"]?.arrayValue ?? []
    session = json["session"]?.stringValue
    hasModes = json["hasModes"]?.boolValue ?? false
    booleans = Set(json["booleans"]?.arrayValue?.compactMap(\.stringValue) ?? [])
    sent = json["sent"]?.intValue ?? 0
    outbox = json["outbox"]?.arrayValue?.compactMap(\.stringValue) ?? []
  }

  /// - Parameter places: Whether it is told how far the output was read. While a run goes on, the run tells: that
  ///   changes with every line, and all else seldom.
  func json(places isWanted: Bool) -> JSONObject {
    var json: JSONObject = [
      "phase": .string(phase.rawValue), "plan": .string(plan), "nextId": .integer(nextID), "sent": .integer(sent),
    ]
    if let places, isWanted { json["places"] = places.jsonValue() }
    if !questions.isEmpty {
      let members = questions.sorted { $0.key < $1.key }
      json["questions"] = .object(
        JSONObject(members.map { JSONObject.Member(key: String($0.key), value: .string($0.value.text)) }))
    }
    if !asked.isEmpty {
      json["asked"] = .array(
        asked.map { ["id": $0.id, "kind": .string($0.kind.rawValue), "reference": .string($0.reference)] })
    }
    if !capabilities.isEmpty { json["capabilities"] = .object(capabilities) }
    if !authMethods.isEmpty { json["authMethods"] = .array(authMethods) }
    if let session { json["session"] = .string(session) }
    if hasModes { json["hasModes"] = true }
    if !booleans.isEmpty { json["booleans"] = .array(booleans.sorted().map { .string($0) }) }
    if !outbox.isEmpty { json["outbox"] = .array(outbox.map { .string($0) }) }
    return json
  }
}

/// An answer that tells the agent why it does not get what it asked for.
struct ACPError: Error {
  var code: Int
  var message: String

  static func invalidParams(_ message: String) -> ACPError { ACPError(code: -32602, message: message) }
  static func internalError(_ message: String) -> ACPError { ACPError(code: -32603, message: message) }
  static func notFound(_ message: String) -> ACPError { ACPError(code: -32002, message: message) }
  static let cancelled = ACPError(code: -32800, message: "The request was cancelled.")
}
