import BerthProtocol
import JSON
import Platform
import Workspaces

extension ModelRun {
  /// Uses a tool as the model wants, and writes down what came of it. Whatever is wrong with the call is its result.
  func use(_ call: ChatReply.Call) async throws {
    let known = ModelTool(rawValue: call.name).flatMap { tools.contains($0) ? $0 : nil }
    let parsed = known.map { tool in Result { () throws(ToolFault) in try ToolUse(tool, call.arguments) } }
    let use = try? parsed?.get()
    try run.commit { changes in
      changes.add(EventType.toolCall) { seq in
        ToolCall(
          seq: seq, id: call.id, title: use?.title ?? call.name, kind: known?.kind ?? "other", status: .pending,
          input: input(of: call), locations: use.flatMap(locations))
      }
    }
    let result: ToolResult
    do {
      guard let known, let parsed else {
        let names = tools.map { "`\($0.rawValue)`" }.joined(separator: ", ")
        throw ToolFault("There is no tool `\(call.name)`. There are \(names.isEmpty ? "none" : names).")
      }
      result = try await carryOut(try parsed.get(), known, call)
    } catch is CancellationError {
      try finish(call, ToolResult(text: Conversation.interrupted, isFailure: true))
      throw CancellationError()
    } catch let fault as ToolFault {
      result = ToolResult(text: fault.message, isFailure: true)
    } catch let error as ProtocolError {
      result = ToolResult(text: error.message, isFailure: true)
    } catch let error as SystemError {
      result = ToolResult(text: "\(error)", isFailure: true)
    }
    try finish(call, result)
  }

  private func input(of call: ChatReply.Call) -> JSONValue {
    guard call.arguments.utf8.count <= Self.maximumInput, let json = try? JSONParser.parse(call.arguments) else {
      return .string(ToolResult.cut(call.arguments, to: Self.maximumInput))
    }
    return json
  }

  private static let maximumInput = 64 << 10

  private func locations(_ use: ToolUse) -> [JSONObject]? {
    guard let path = use.path else { return nil }
    var location: JSONObject = ["path": .string(fileTools.absolute(path))]
    if let line = use.line { location["line"] = .integer(line) }
    return [location]
  }

  private var fileTools: FileTools {
    FileTools(files: run.services.files, workspace: workspace.id, root: workspace.path)
  }

  /// Tells the model and whoever follows the run what came of a call.
  private func finish(_ call: ChatReply.Call, _ result: ToolResult) throws {
    let message = Conversation.result(result.text, of: call.id)
    try run.commit { changes in
      changes.record.driver[DriverState.programs] = nil
      if let written = result.written {
        changes.add(EventType.fileChanged) { seq in
          FileChanged(path: written.file.path, type: .file, seq: seq, created: written.created)
        }
      }
      changes.add(EventType.toolUpdate) { seq in
        ToolCall(
          seq: seq, id: call.id, status: result.isFailure ? .failed : .completed, content: result.shown)
      }
      changes.converse([message])
    }
    append(message)
  }

  private func carryOut(_ use: ToolUse, _ tool: ModelTool, _ call: ChatReply.Call) async throws -> ToolResult {
    let files = fileTools
    switch use {
    case .list(let path, let depth, let pattern):
      try begin(call)
      return try files.list(path, depth: depth, pattern: pattern)
    case .read(let path, let first, let last):
      try begin(call)
      return try files.read(path, firstLine: first, lastLine: last)
    case .search(let query):
      try begin(call)
      return try SearchTool(tools: files).search(query)
    case .write(let path, let content):
      let change = try files.prepareWrite(path, content: content)
      try await allow(use, tool, call, content: [change.diff.shown])
      return try files.make(change)
    case .edit(let path, let old, let new, let replaceAll):
      let change = try files.prepareEdit(path, oldText: old, newText: new, replaceAll: replaceAll)
      try await allow(use, tool, call, content: [change.diff.shown])
      return try files.make(change)
    case .run(let command, let folder, let seconds):
      let directory = try folder.map { try self.directory(of: $0) } ?? run.directory
      try await allow(use, tool, call, content: [ToolResult.text("```sh\n\(command)\n```")])
      return try await execute(command, in: directory, seconds: seconds)
    }
  }

  private func begin(_ call: ChatReply.Call) throws {
    try run.commit { changes in
      changes.add(EventType.toolUpdate) { ToolCall(seq: $0, id: call.id, status: .inProgress) }
    }
  }

  // MARK: Permission

  /// Asks whether a tool may be used, and returns when it may.
  ///
  /// - Parameter content: What is to be done, to show.
  /// - Throws: `ToolFault`, where it may not; `CancellationError`.
  private func allow(
    _ use: ToolUse, _ tool: ModelTool, _ call: ChatReply.Call, content: [JSONObject]
  ) async throws {
    let told = run.session.driver[DriverState.permissions]?[tool.rawValue]?.stringValue
    if tool.isAsked, told != "allow" {
      if told == "reject" { throw Self.rejection(tool, isForGood: true) }
      try await askForPermission(use, tool, call, content)
    }
    try begin(call)
  }

  private func askForPermission(
    _ use: ToolUse, _ tool: ModelTool, _ call: ChatReply.Call, _ content: [JSONObject]
  ) async throws {
    var about: JSONObject = [
      "id": .string(call.id), "title": .string(use.title), "kind": .string(tool.kind), "status": "pending",
      "content": .array(content.map { .object($0) }),
    ]
    // What is written is in the content already.
    if case .run = use { about["input"] = input(of: call) }
    if let locations = locations(use) { about["locations"] = .array(locations.map { .object($0) }) }
    var permission = try run.commit { $0.ask(use.title, options: Self.options(tool), toolCall: about) }
    if permission.state == .open { permission = try await answers.answer(to: permission.id) }
    try Task.checkCancellation()
    let kind = permission.option.flatMap { PermissionKind(rawValue: $0) }
    if kind == .allowAlways || kind == .rejectAlways {
      try run.commit { changes in
        var permissions = changes.session.driver[DriverState.permissions]?.objectValue ?? [:]
        permissions[tool.rawValue] = kind == .allowAlways ? "allow" : "reject"
        changes.session.driver[DriverState.permissions] = .object(permissions)
      }
    }
    switch kind {
    case .allowOnce?, .allowAlways?: return
    case .rejectOnce?, nil: throw Self.rejection(tool, isForGood: false)
    case .rejectAlways?: throw Self.rejection(tool, isForGood: true)
    }
  }

  private static func options(_ tool: ModelTool) -> [PermissionOption] {
    [
      PermissionOption(id: PermissionKind.allowOnce.rawValue, name: "Allow", kind: .allowOnce),
      PermissionOption(
        id: PermissionKind.allowAlways.rawValue, name: "Allow \(tool.rawValue) for the rest of the session",
        kind: .allowAlways),
      PermissionOption(id: PermissionKind.rejectOnce.rawValue, name: "Reject", kind: .rejectOnce),
      PermissionOption(
        id: PermissionKind.rejectAlways.rawValue, name: "Reject \(tool.rawValue) for the rest of the session",
        kind: .rejectAlways),
    ]
  }

  private static func rejection(_ tool: ModelTool, isForGood: Bool) -> ToolFault {
    ToolFault(
      isForGood
        ? "The user does not allow `\(tool.rawValue)` in this session. Go on without it."
        : "The user did not allow this. Do not try it in another way; go on without it, or say what you would need.")
  }

  // MARK: Commands

  /// A folder of the workspace as an absolute path.
  private func directory(of path: String) throws -> String {
    let files = fileTools
    let relative = try FileService.path(files.relative(path))
    do {
      _ = try run.services.workspaces.open(workspace.id, for: .write).directory.openDirectory(relative)
    } catch let error as SystemError {
      throw ToolFault("`\(path)` is no folder of the workspace: \(error)")
    }
    return files.absolute(path)
  }

  private func execute(_ command: String, in directory: String, seconds: Int?) async throws -> ToolResult {
    let sandbox = try sandbox()
    let id = Identifier.make("trm")
    // Before it is started: what a killed server leaves is found by this.
    try run.commit { $0.record.driver[DriverState.programs] = [.string(id)] }
    let limit = run.agent.config.commandSeconds
    return try await CommandTool(
      id: id, command: command, directory: directory, workspace: workspace.path,
      environment: run.agent.withoutSecrets.environment(), secrets: run.secrets,
      seconds: min(seconds.map(Double.init) ?? limit, limit), sandbox: sandbox, supervision: run.services.supervision,
      grace: grace
    ).run()
  }

  private func sandbox() throws -> CommandSandbox? {
    let mode = run.agent.config.sandbox
    guard mode != .never else { return nil }
    if let sandbox = CommandSandbox.available { return sandbox }
    guard mode == .auto else {
      throw ToolFault(
        "Commands must run in a sandbox, and bubblewrap is not there or does not work. Install it, or set the agent's `sandbox` to `never`."
      )
    }
    if !hasToldOfSandbox {
      hasToldOfSandbox = true
      try run.commit { changes in
        changes.log(
          .warning,
          "Commands run without a sandbox: bubblewrap is not there or does not work. Install it, or set the agent's `sandbox` to `never`."
        )
      }
    }
    return nil
  }
}

extension ResolvedAgent {
  /// For programs that are not the agent itself.
  var withoutSecrets: ResolvedAgent {
    ResolvedAgent(name: name, kind: kind, title: title, config: config, secrets: [:])
  }
}
