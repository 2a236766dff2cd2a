import ArgumentParser
import BerthProtocol

/// `berth runs`: what agents do and have done.
struct RunsCommand: ServerCommand {
  static let configuration = CommandConfiguration(
    commandName: "runs",
    abstract: "List runs, newest first.",
    discussion: "Those of the workspace that holds the working folder; where none does, those of all.")

  @Option(
    name: .shortAndLong, help: "Only those of this workspace.",
    completion: .custom { _, _, _ in Completion.workspaces() })
  var workspace: String?

  @Flag(help: "Those of all workspaces.")
  var all = false

  @Option(help: "Only those in this state, such as running or failed. May be repeated.")
  var state: [RunState] = []

  @Option(name: [.customShort("n"), .long], help: "At most so many.")
  var limit = 50

  @OptionGroup(title: "Server and output") var options: CommandOptions

  func validate() throws {
    if workspace != nil, all { throw ValidationError("--workspace and --all exclude each other.") }
  }

  func run(_ context: Context) throws {
    let workspaces = try context.allWorkspaces()
    let place = try workspace.map(context.reference) ?? (all ? nil : here(workspaces)?.id)
    var runs: [AgentRun] = []
    var cursor: String?
    repeat {
      let page = try context.request(
        AgentRunList.self,
        .init(
          workspace: place, states: state.isEmpty ? nil : state, limit: min(1000, max(1, limit - runs.count)),
          cursor: cursor))
      runs += page.runs
      cursor = page.nextCursor
    } while cursor != nil && runs.count < limit
    if context.json { return context.output.json(runs) }
    if runs.isEmpty, context.output.isTerminal { return Messages.line("No runs. `berth run PROMPT` begins one.") }
    let slugs = Dictionary(workspaces.map { ($0.id, $0.slug) }) { first, _ in first }
    let isTerminal = context.output.isTerminal
    var table = Table(
      .left("ID"), .left("STATE"), .left("AGENT"), .left("WORKSPACE"), .left("AGE"), .text("PROMPT"))
    for run in runs {
      table.add(
        .init(run.id), .init(run.standing, run.state.look), .init(run.agent),
        .init(slugs[run.workspace] ?? run.workspace),
        .init(isTerminal ? Humanize.age(run.createdAt) : run.createdAt, .dim), .init(run.prompt))
    }
    context.output.print(table)
  }

  private func here(_ workspaces: [Workspace]) throws -> Workspace? {
    let folder = Context.canonical(try Context.absolute("."))
    return workspaces.filter { folder == $0.path || folder.hasPrefix($0.path + "/") }
      .max { $0.path.utf8.count < $1.path.utf8.count }
  }
}
