import ArgumentParser
import BerthServer

/// The command line of Berth.
@main
struct Berth: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "berth",
    abstract:
      "Keeps what a developer's machine runs: workspaces and their files, apps, agents, remote machines, streams, jobs.",
    discussion: """
      Commands talk to the server of a home, which is started where none runs. A WORKSPACE is an id, a key or a slug; \
      `.` and other paths stand for the workspace whose folder holds them. An APP is an id or an app_id, of another \
      workspace than the one that holds the working folder as WORKSPACE/APP. An INSTANCE is an id or a name.

      Tables become lines with tabs where standard output is no terminal; --json prints one JSON document, and one \
      a line for streams. NO_COLOR turns colours off.

      \(ExitStatus.help)
      """,
    version: Server.version,
    groupedSubcommands: [
      CommandGroup(
        name: "Workspaces", subcommands: [WorkspaceCommand.self, SnapshotCommand.self, FileCommand.self]),
      CommandGroup(
        name: "Apps",
        subcommands: [
          UpCommand.self, DownCommand.self, PsCommand.self, LogsCommand.self, AppCommand.self, PortCommand.self,
        ]),
      CommandGroup(
        name: "Agents", subcommands: [RunCommand.self, RunsCommand.self, AgentsCommand.self, AgentCommand.self]),
      CommandGroup(
        name: "Remote machines",
        subcommands: [
          ConnectCommand.self, DisconnectCommand.self, ConnectionCommand.self, InstanceCommand.self,
          CatalogCommand.self, ResourceCommand.self, ProjectCommand.self, EnvironmentCommand.self,
        ]),
      CommandGroup(name: "Streams and jobs", subcommands: [StreamCommand.self, JobCommand.self]),
      CommandGroup(
        name: "Server",
        subcommands: [StatusCommand.self, ConfigCommand.self, Serve.self, StopCommand.self]),
      CommandGroup(
        name: "Protocol and shell", subcommands: [CallCommand.self, MethodsCommand.self, CompletionsCommand.self]),
    ])

  /// Parses the command line, runs the command, and exits with a status that says how it went.
  static func main() async {
    do {
      var command = try command()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      end(error)
    }
  }

  /// Parses the command line. Editors wait for the start of `berth serve`: for that, what all the other commands take is
  /// not looked at. Help and mistakes are left to the whole, which tells of them in its own terms.
  private static func command() throws -> sending any ParsableCommand {
    let arguments = CommandLine.arguments.dropFirst()
    if arguments.first == Serve.configuration.commandName,
      let serve = try? Serve.parse(Array(arguments.dropFirst()))
    {
      return serve
    }
    return try parseAsRoot()
  }

  private static func end(_ error: any Error) -> Never {
    let code = exitCode(for: error)
    if code == .validationFailure {
      // `Error: …` and the usage; ours begins as every message of this program does.
      let text = fullMessage(for: error)
      let prefix = "Error: "
      Messages.line(
        Style.errors(.boldRed, "berth:") + " " + (text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : text))
      ExitStatus.usage.exit()
    }
    // Help, the version, a completion script: these are no failures.
    if code == .success || error is ArgumentParser.ExitCode { exit(withError: error) }
    Failure(error).exit()
  }
}
