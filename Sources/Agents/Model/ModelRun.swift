import BerthProtocol
import JSON
import Storage
import Workspaces

/// One run of a model's: asks it, tells what it says, uses the tools it calls, and asks again, until it is done.
///
/// For one task; cancelling that ends the run wherever it stands.
final class ModelRun {
  let run: RunContext
  let answers: PermissionAnswers
  let grace: CommandGrace
  let timings: ModelTimings
  let workspace: Workspace
  let model: String
  let system: String
  let tools: [ModelTool]
  private let definitions: [JSONValue]
  private let endpoint: ModelEndpoint
  private let client: ModelClient

  var conversation: Conversation
  private var text = MessageText()
  /// What it has said of the answer at hand.
  private var said = ""
  /// What calls of tools are called, so that none is called like another.
  private var callIDs: Set<String>
  private var window: ContextWindow
  private var dialect = ChatDialect()
  /// Whether it was told that commands run without a sandbox.
  var hasToldOfSandbox = false

  init(_ run: RunContext, _ answers: PermissionAnswers, _ grace: CommandGrace, _ timings: ModelTimings) throws {
    self.run = run
    self.answers = answers
    self.grace = grace
    self.timings = timings
    let config = run.agent.config
    guard let endpoint = ModelEndpoint(run.agent) else {
      throw ProtocolError(.agentInvalid, ModelEndpoint.fault(of: config.baseUrl) ?? "Its `baseUrl` can't be used.")
    }
    self.endpoint = endpoint
    client = ModelClient(endpoint, timings)
    workspace = try run.services.workspaces.resolve(run.record.run.workspace)
    model = run.record.options.options["model"] ?? config.model ?? ""
    tools = config.tools ?? ModelTool.allCases.map { $0 }
    definitions = tools.map(\.definition)
    system = config.system ?? SystemPrompt.text(workspace: workspace.path, directory: run.directory, tools: tools)
    let session = run.record.run.session
    conversation = try run.services.database.read { try Conversation.load(of: session, in: $0) }
    callIDs = conversation.callIDs
    window = ContextWindow(
      contextTokens: config.contextTokens, maxOutputTokens: config.maxOutputTokens,
      fixedTokens: ContextWindow.tokens(bytes: JSONValue.array(definitions).jsonBytes().count))
  }

  func carry() async throws -> RunEnding {
    do {
      let ending = try await turns()
      await client.close()
      return ending
    } catch {
      await client.close()
      // What was said so far is a message; what was asked last has no other answer.
      try run.commit { changes in
        endText(in: &changes)
        if !said.isEmpty { changes.converse([["role": "assistant", "content": .string(said)]]) }
      }
      guard let failure = error as? ModelFailure else { throw error }
      return failure.ending(of: run.agent.name)
    }
  }

  private func turns() async throws -> RunEnding {
    var reason = StopReason.endTurn
    while try beginTurn() { reason = try await turn() }
    return .completed(reason)
  }

  /// Takes what was said next. - Returns: Whether there was anything.
  private func beginTurn() throws -> Bool {
    let (workspace, files) = (workspace.id, run.services.files)
    var message: JSONValue?
    let turn = try run.beginTurn { changes, turn in
      changes.become(.running)
      let said = PromptMessage.make(turn.prompt, workspace: workspace, files: files) { changes.log(.warning, $0) }
      changes.converse([said])
      message = said
    }
    if let message { conversation.append(message) }
    return turn != nil
  }

  private func turn() async throws -> StopReason {
    for _ in 0..<run.agent.config.maxSteps {
      // What was said meanwhile goes in front of the next request.
      while run.waitingTurns.first?.mode == .steer { if try !beginTurn() { break } }
      let reply = try await ask()
      if reply.calls.isEmpty { return try stopReason(of: reply) }
      for call in reply.calls { try await use(call) }
    }
    try run.commit { [maxSteps = run.agent.config.maxSteps] changes in
      changes.log(.warning, "The turn was ended after \(maxSteps) steps. Say more to go on, or raise `maxSteps`.")
    }
    return .maxTurnRequests
  }

  private func stopReason(of reply: ChatReply) throws -> StopReason {
    if reply.isEmpty { try run.commit { $0.log(.warning, "The model has answered with nothing.") } }
    switch reply.finish {
    case "length", "max_tokens": return .maxTokens
    case "content_filter", "refusal": return .refusal
    default: return reply.hasRefused ? .refusal : .endTurn
    }
  }

  // MARK: Asking

  /// Asks until there is a whole answer, which is then written down.
  private func ask() async throws -> ChatReply {
    var failures = 0
    var share = 1.0
    while true {
      let (messages, tokens) = try fit(share: share)
      do {
        var reply = try await client.chat(body(messages)) { try tell($0) }
        reply.nameCalls(unlike: &callIDs)
        try take(reply, estimated: tokens)
        return reply
      } catch let failure as ModelFailure {
        try Task.checkCancellation()
        switch failure.kind {
        case .unknownMember(let member):
          guard dialect.change(member) else { throw failure }
        case .contextExceeded:
          guard share == 1 else { throw failure }
          share = 0.6
          try repeatLater(failure, seconds: nil)
        case .rateLimited, .unavailable, .cut, .unauthorized, .refused:
          failures += 1
          let (after, isPossible) = failure.retry
          guard isPossible, failures < timings.tries, (after ?? 0) <= timings.maximumRetryAfterSeconds else {
            throw failure
          }
          let seconds = timings.delaySeconds(afterFailures: failures, retryAfter: after)
          try repeatLater(failure, seconds: seconds)
          try await Task.sleep(for: .seconds(seconds))
        }
      }
    }
  }

  /// Tells that the same is asked again. What was said so far is ended as a message of its own.
  private func repeatLater(_ failure: ModelFailure, seconds: Double?) throws {
    try run.commit { changes in
      let wasSaid = !text.isEmpty || !said.isEmpty
      endText(in: &changes)
      said = ""
      let repeated = wasSaid ? " What it has said of its answer so far is repeated." : ""
      changes.log(
        .warning, "\(failure.message). It is asked again.\(repeated)", retryInMs: seconds.map { Int($0 * 1000) } ?? 0)
    }
  }

  /// What is to be sent now.
  private func fit(share: Double) throws -> (messages: [JSONValue], tokens: Int) {
    let size = ContextWindow.tokens(bytes: system.utf8.count)
    guard let fitted = window.fit(conversation.messages, system: size, share: share) else {
      throw ModelFailure(
        kind: .contextExceeded,
        message: "What was said since the user's last message is more than the \(window.budget) tokens that may be sent"
      )
    }
    if fitted.cut != ContextWindow.Cut() {
      try run.commit { changes in
        changes.log(
          .info,
          "To keep within the model's context, \(fitted.cut.shortened) messages of tool calls were shortened, and \(fitted.cut.leftOut) of the oldest messages left out."
        )
      }
    }
    return (Conversation.sent(fitted.messages), fitted.tokens)
  }

  private func body(_ messages: [JSONValue]) -> [UInt8] {
    let config = run.agent.config
    let first: [JSONValue] = system.isEmpty ? [] : [["role": "system", "content": .string(system)]]
    var request: JSONObject = ["model": .string(model), "messages": .array(first + messages)]
    if !definitions.isEmpty { request["tools"] = .array(definitions) }
    if let temperature = config.temperature { request["temperature"] = .number(temperature) }
    dialect.put(maxOutputTokens: config.maxOutputTokens, into: &request)
    return request.jsonBytes()
  }

  private func tell(_ pieces: [ChatReply.Piece]) throws {
    try run.commit { changes in
      let before = text.first
      for piece in pieces {
        switch piece {
        case .said(let piece):
          text.add(piece, isThought: false, to: &changes)
          said += piece
        case .thought(let thought): text.add(thought, isThought: true, to: &changes)
        }
      }
      if text.first != before { changes.record.driver[DriverState.message] = text.first.map { .integer($0) } }
    }
  }

  private func endText(in changes: inout RunChanges) {
    text.end(in: &changes)
    changes.record.driver[DriverState.message] = nil
  }

  /// Writes down a whole answer, and what it took.
  private func take(_ reply: ChatReply, estimated: Int) throws {
    if let usage = reply.usage { window.learn(counted: usage.inputTokens, estimated: estimated) }
    let message = reply.message
    try run.commit { changes in
      endText(in: &changes)
      said = ""
      if let message { changes.converse([message]) }
      var usage = changes.record.run.usage
      usage.requests += 1
      usage.inputTokens += reply.usage?.inputTokens ?? 0
      usage.outputTokens += reply.usage?.outputTokens ?? 0
      usage.cachedTokens += reply.usage?.cachedTokens ?? 0
      usage.contextTokens = reply.usage.map { $0.inputTokens + $0.outputTokens } ?? estimated
      usage.contextSize = run.agent.config.contextTokens
      changes.use(usage)
    }
    if let message { conversation.append(message) }
  }

  /// Adds a tool's result, once it is written down.
  func append(_ result: JSONValue) {
    conversation.append(result)
  }
}

/// What is kept of a run and its session for later.
enum DriverState {
  /// Of a run: the number of the first piece of the message that is being said.
  static let message = "message"
  /// Of a run: the ids of the programs that it has started and that have not ended.
  static let programs = "programs"
  /// Of a session: `allow` or `reject` by tool, where that was said for good.
  static let permissions = "permissions"
}
