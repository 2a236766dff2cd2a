import ArgumentParser
import BerthProtocol
import JSON

extension RunCommand {
  struct Attach: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "attach",
      abstract: "Show a run until it ends. Ctrl-C leaves it.",
      discussion:
        "Begins with what comes from now on; of a run that has ended, its last message. The status is the run's.")

    @OptionGroup var target: RunArgument

    @Flag(help: "Begin with the run's first event.")
    var fromStart = false

    @Flag(name: .shortAndLong, help: "Print only what the agent says.")
    var quiet = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      try RunFollower(context, isQuiet: quiet).attach(target.run, fromStart: fromStart)
    }
  }

  struct Show: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Show all that is known of a run, with the agent's last message.", aliases: ["get"]
    )

    @OptionGroup var target: RunArgument

    @Option(help: "Wait for its end, at most so many seconds.")
    var wait: Double?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let run = try context.request(AgentRunGet.self, .init(run: target.run, waitSeconds: wait ?? 0))
      context.show(run, context.print)
    }
  }

  struct Cancel: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "cancel", abstract: "End runs, and wait until nothing of their processes is left.")

    @Argument(help: "The runs' ids.", completion: .custom { _, _, _ in Completion.runs() })
    var runs: [String]

    @Option(help: "How long the agent has to end its turn by itself, in seconds.")
    var grace = 10.0

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      var ended: [AgentRun] = []
      for id in runs {
        let run = try context.request(AgentRunCancel.self, .init(run: id, graceSeconds: grace))
        ended.append(run)
        if !context.json { context.output.line("\(run.id) is \(run.state.rawValue)") }
      }
      if context.json { context.output.json(ended) }
    }
  }

  struct Send: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "send",
      abstract: "Say something more to a run that has not ended.",
      discussion: "It is a turn of its own, after the one at hand; with --steer, the agent hears it as soon as it can.")

    @OptionGroup var target: RunArgument

    @Argument(help: "What to say; `-` for what standard input holds.")
    var text: String

    @Flag(help: "Say it to the agent while it works.")
    var steer = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let words = ContentBlock(type: .text, text: try PromptAttachments.text(text))
      let run = try context.request(
        AgentRunSend.self, .init(run: target.run, prompt: [words], mode: steer ? .steer : .followUp))
      context.show(run) { context.output.line("Sent to \($0.id), which is \($0.state.rawValue)") }
    }
  }

  struct Answer: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "answer",
      abstract: "Answer an agent's question for permission.",
      discussion: "The first answer counts. `berth run show` lists the question of a run and its options.")

    @Argument(help: "The question's id.")
    var permission: String

    @Argument(help: "The id of the option to take.")
    var option: String

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let permission = try context.request(
        AgentRunRespondPermission.self, .init(permission: permission, option: option))
      context.show(permission) { permission in
        let name = permission.options.first { $0.id == permission.option }?.name ?? option
        context.output.line(DisplayText.safe("\(permission.title): \(name)"))
      }
    }
  }

  struct History: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "history",
      abstract: "Print what was said and done in a session.",
      discussion: "With --json, one event a line.")

    @Argument(
      help: "The session's id, or that of one of its runs.", completion: .custom { _, _, _ in Completion.sessions() })
    var session: String

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let session =
        session.hasPrefix("run_") ? try context.request(AgentRunGet.self, .init(run: session)).session : session
      let workspace = try context.request(AgentSessionGet.self, .init(session: session)).workspace
      let folder = try? context.request(WorkspaceGet.self, .init(workspace: workspace)).path
      var renderer = RunRenderer(.init(style: context.output.style, folder: folder))
      var cursor: String?
      repeat {
        let page = try context.request(AgentSessionHistory.self, .init(session: session, limit: 1000, cursor: cursor))
        for event in page.events {
          if context.json {
            context.output.jsonLine(event)
          } else {
            for piece in renderer.render(event.type, event.payload) { context.output.write(piece.text.utf8) }
          }
        }
        cursor = page.nextCursor
      } while cursor != nil
    }
  }
}

extension Context {
  func print(_ run: AgentRun) {
    var details = Details()
    details.add("run", run.id, .bold)
    details.add("state", run.standing, run.state.look)
    details.add("agent", run.agent)
    details.add("workspace", run.workspace)
    details.add("session", run.session)
    details.add("prompt", run.prompt)
    details.add("permissions", run.permissions.rawValue)
    if let permission = run.permission {
      details.add("asks", permission.title, .yellow)
      for option in permission.options {
        details.add("answer", "berth run answer \(permission.id) \(option.id)  (\(option.name))")
      }
    }
    details.add("error", run.error.map { "\($0.type.rawValue): \($0.detail)" }, .red)
    details.add("stopped", run.stopReason?.rawValue)
    details.add("exit", run.exit.map { $0.code.map { "exit code \($0)" } ?? $0.signal ?? "unknown" })
    details.add("priority", run.priority == 0 ? nil : "\(run.priority)")
    details.add("pid", run.pid.map { "\($0)" })
    details.add("used", run.usage.words)
    details.add("asked for", time(run.createdAt))
    details.add("began", run.startedAt.map(time))
    details.add("ended", run.endedAt.map(time))
    details.add("took", run.durationSeconds.map { Humanize.duration(seconds: $0) })
    details.add("must end", run.deadlineAt.map(time))
    details.add("stream", run.stream)
    output.print(details)
    guard let words = run.message ?? run.exit?.lines?.joined(separator: "\n"), !words.isEmpty else { return }
    output.line()
    output.line(DisplayText.block(words))
  }
}
