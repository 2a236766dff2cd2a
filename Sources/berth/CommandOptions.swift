import ArgumentParser

/// What every command that talks to a server takes.
struct CommandOptions: ParsableArguments {
  @Option(help: "The home whose server to talk to. Default: $BERTH_HOME.", completion: .directory)
  var home: String?

  @Option(help: "The server's socket, where it is not the home's.", completion: .file())
  var socket: String?

  @Flag(help: "Fail where no server runs instead of starting one.")
  var noStart = false

  @Flag(help: "Print JSON.")
  var json = false
}

/// A command that talks to a server.
protocol ServerCommand: ParsableCommand {
  var options: CommandOptions { get }
  func run(_ context: Context) throws
}

extension ServerCommand {
  mutating func run() throws {
    let context = Context(options)
    defer { context.output.flush() }
    try run(context)
  }
}
