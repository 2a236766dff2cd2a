import ArgumentParser
import BerthClient
import BerthProtocol
import JSON

/// `berth stop`: ends the server.
struct StopCommand: ServerCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop",
    abstract: "Stop the server; what is under way is finished within the grace time.",
    discussion: "Where no server runs there is nothing to do, which is no failure.")

  @Option(help: "How long open calls may go on, in seconds.")
  var grace: Double?

  @OptionGroup(title: "Server and output") var options: CommandOptions

  func run(_ context: Context) throws {
    let client: Client
    do {
      client = try context.newClient(startsServer: false)
    } catch let error as Launch.Unavailable {
      if context.json { return context.output.json(JSONValue.null) }
      return Messages.line("Nothing to stop: \(error.reason.split(separator: ";").first ?? "").")
    }
    let stopping = try client.request(ServerStop.self, .init(graceSeconds: grace))
    // The connection ends with the server.
    while (try? client.nextNotification()) != nil {}
    context.show(stopping) { context.output.line("Stopped the server (pid \($0.pid))") }
  }
}
