import ArgumentParser
import BerthClient
import BerthProtocol
import Glibc
import JSON

extension InstanceCommand {
  struct Shell: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "shell",
      abstract: "Open a shell on an instance. Its exit code is this one's.",
      discussion: """
        `~.` at the start of a line leaves it, also where nothing answers any more; `~~` is a tilde. Where standard \
        input is no terminal, it is typed into the shell, and its end is Ctrl-D.
        """)

    @OptionGroup var target: InstanceArgument
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let instance = try context.request(InstanceGet.self, .init(instance: target.instance))
      do {
        try ShellSession(context, instance).run()
      } catch let error as CallError {
        throw Failure(error, instance: instance.name)
      }
    }
  }
}

/// A shell on an instance, at this terminal.
final class ShellSession {
  private let context: Context
  private let instance: Instance

  init(_ context: Context, _ instance: Instance) {
    (self.context, self.instance) = (context, instance)
  }

  /// - Throws: The shell's exit code, where that is not 0.
  func run() throws {
    let (connection, attachment) = try open()
    let (home, socket) = (context.home, context.options.socket)
    let signals = try RawTerminal.enter()
    defer { RawTerminal.restore() }
    ShellInput(
      connection: connection.id, connect: { try Launch.connect(home: home, socket: socket, name: "berth") },
      signals: signals
    ).start()
    do {
      try show(attachment)
    } catch is Disconnected {
      RawTerminal.restore()
      throw Failure("the server has gone, and the shell with it", status: .unavailable)
    }
    RawTerminal.restore()
    let ended = try context.request(ConnectionGet.self, .init(connection: connection.id))
    if let error = ended.error { throw Failure(error, of: ended) }
    guard let code = ended.connectionDetails.exitCode else {
      throw Failure("the line to \(instance.name) was cut, and the shell ended with it")
    }
    if code != 0 { throw ArgumentParser.ExitCode(Int32(truncatingIfNeeded: code)) }
  }

  // MARK: Opening

  /// Opens a shell of its own, with a terminal that has none open there. - Returns: The attachment to its output.
  private func open() throws -> (ResourceConnection, attachment: String) {
    try forgetFailed()
    let taken = Set(try context.allConnections(target: instance.id).map(\.sourceResourceId))
    let terminals = try context.allResources(
      project: instance.project, environment: instance.environment, types: [.terminal])
    for terminal in terminals where !taken.contains(terminal.id) {
      if let opened = try connect(terminal) { return opened }
    }
    let created = try context.request(
      ResourceCreateTerminal.self, .init(project: instance.project, environment: instance.environment)
    ).resource
    if let opened = try connect(created) { return opened }
    throw Failure("another one was faster to take the terminal \(created.name)", status: .conflict)
  }

  /// Frees the terminals whose shells could not be opened: there is nothing to remove for them.
  private func forgetFailed() throws {
    for failed in try context.allConnections(target: instance.id, statuses: [.failed])
    where failed.sourceResourceType == .terminal {
      _ = try context.request(ConnectionDelete.self, .init(connection: failed.id))
    }
  }

  /// Connects a terminal; nil where somebody else has just done so.
  private func connect(_ terminal: Resource) throws -> (ResourceConnection, attachment: String)? {
    let size = TerminalSize.ofTerminal ?? TerminalSize(columns: 80, rows: 24)
    let started: ConnectionStarted
    do {
      started = try context.request(
        ConnectionCreate.self, .init(source: terminal.id, target: instance.id, terminal: size, attach: true))
    } catch let error as CallError {
      try? forgetFailed()
      throw error
    }
    var connection = started.connection
    guard started.created || connection.status != .connected else { return nil }
    while connection.status == .pending || connection.status == .connecting {
      connection = try context.request(ConnectionGet.self, .init(connection: connection.id, waitSeconds: 30))
    }
    guard connection.status != .failed else {
      throw connection.error.map { Failure($0, of: connection) } ?? Failure("no shell could be opened")
    }
    let stream = connection.connectionDetails.stream ?? "terminal/\(connection.id)"
    let attachment =
      try started.attachment ?? context.request(StreamAttach.self, .init(stream: stream)).attachment
    return (connection, attachment)
  }

  // MARK: Output

  private func show(_ attachment: String) throws {
    let events = StreamEvents(try context.client, attachment: attachment)
    while let event = try events.next() {
      guard event.type == EventType.terminalOutput, let text = event.payload["text"]?.stringValue else { continue }
      // As it is: it is the shell's terminal now.
      context.output.write(text.utf8)
      if !events.hasMore { context.output.flush() }
    }
    context.output.flush()
  }
}
