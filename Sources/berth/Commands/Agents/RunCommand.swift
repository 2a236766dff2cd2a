import ArgumentParser
import BerthProtocol

/// `berth run`: gives an agent something to do, and shows how it goes.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Give an agent something to do, and follow it.",
    discussion: """
      `berth run PROMPT` is short for `berth run start PROMPT`; a prompt that is the name of a subcommand follows `--`. \
      What the agent says goes to standard output, and what it does besides to standard error.
      """,
    subcommands: [Start.self, Attach.self, Show.self, Cancel.self, Send.self, Answer.self, History.self],
    defaultSubcommand: Start.self)
}

struct RunArgument: ParsableArguments {
  @Argument(help: "The run's id.", completion: .custom { _, _, _ in Completion.runs() })
  var run: String
}

extension RunCommand {
  struct Start: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "start",
      abstract: "Give an agent something to do, and show it until it ends.",
      discussion: """
        Ctrl-C cancels the run and shows its end; a second one leaves at once. Where the server is restarted, it goes \
        on where it was. The status is 0 where the run was completed, 1 where it failed or was interrupted, 130 where \
        it was cancelled. With --json, one event a line, and at last the run.
        """)

    @Argument(
      help:
        "What to do; `-` for what standard input holds, which is read too where it is no terminal and PROMPT is left out."
    )
    var prompt: String?

    @Option(
      name: .shortAndLong, help: "The agent. Default: the session's, runs.defaultAgent, or the only one there is.",
      completion: .custom { _, _, _ in Completion.agents() })
    var agent: String?

    @Option(
      name: .shortAndLong, help: "Where it works. Default: the workspace that holds the working folder.",
      completion: .custom { _, _, _ in Completion.workspaces() })
    var workspace: String?

    @Option(name: .shortAndLong, help: "The session to go on with.")
    var session: String?

    @Flag(name: [.customShort("c"), .customLong("continue")], help: "Go on with the workspace's last session.")
    var continues = false

    @OptionGroup var attachments: PromptAttachments

    @Option(help: "The mode to work in, by the agent's id of it.")
    var mode: String?

    @Option(help: "An option of the agent, NAME=VALUE. May be repeated.")
    var option: [Assignment] = []

    @Option(help: "What happens to the agent's questions: ask, allow or deny. Default: the agent's.")
    var permissions: PermissionPolicy?

    @Option(help: "How long the run may take, in seconds.")
    var deadline: Double?

    @Option(parsing: .unconditional, help: "Of the runs that wait, the one of the highest priority goes first.")
    var priority = 0

    @Flag(name: .shortAndLong, help: "Print the run's id as soon as it is begun, and leave it.")
    var detach = false

    @Flag(name: .shortAndLong, help: "Print only what the agent says.")
    var quiet = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func validate() throws {
      if session != nil, continues { throw ValidationError("--session and --continue exclude each other.") }
      if prompt == nil, Terminal.inputIsTerminal { throw ValidationError("Missing expected argument '<prompt>'") }
    }

    func run(_ context: Context) throws {
      let prompt = try PromptAttachments.text(prompt)
      let place = try place(context)
      let params = AgentRunStart.Params(
        prompt: try attachments.blocks(prompt, context, workspace: place.workspace, session: place.session),
        agent: agent, workspace: place.workspace, session: place.session, mode: mode,
        options: option.isEmpty ? nil : option.dictionary, permissions: permissions, deadlineSeconds: deadline,
        priority: priority)
      if detach {
        let run = try context.request(AgentRunStart.self, params).run
        return context.show(run) { context.output.line($0.id) }
      }
      try RunFollower(context, isQuiet: quiet).start(params)
    }

    /// Where it works: a session, or a workspace for a new one.
    private func place(_ context: Context) throws -> (workspace: String?, session: String?) {
      if let session { return (try workspace.map(context.reference), session) }
      let workspace = try context.reference(workspace ?? ".")
      guard continues else { return (workspace, nil) }
      let page = try context.request(AgentSessionList.self, .init(workspace: workspace, agent: agent, limit: 1))
      guard let last = page.sessions.first else {
        throw Failure(
          "the workspace has no session to go on with", status: .notFound, hint: "leave out --continue to begin one")
      }
      return (workspace, last.id)
    }
  }
}

extension PermissionPolicy: ExpressibleByArgument {}
