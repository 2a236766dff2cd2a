import ArgumentParser
import BerthProtocol
import JSON

/// `berth port`: where apps are reached, and who listens.
struct PortCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "port",
    abstract: "List leased ports, and tell who listens on a port; lease and give back ports.",
    subcommands: [List.self, Resolve.self, Who.self, Reserve.self, Release.self],
    defaultSubcommand: List.self,
    aliases: ["ports"])
}

extension PortCommand {
  struct List: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List leased ports, and who listens on each.", aliases: ["ls"])

    @Option(
      name: .shortAndLong, help: "Only those of apps of this workspace.",
      completion: .custom { _, _, _ in Completion.workspaces() })
    var workspace: String?

    @Option(name: .shortAndLong, help: "Only those of this app.", completion: .custom { _, _, _ in Completion.apps() })
    var app: String?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let app = try app.map { try AppFinder(context, workspace: workspace).find($0).id }
      let leases = try context.request(
        PortList.self, .init(workspace: app == nil ? workspace.map(context.reference) : nil, app: app)
      ).ports
      let owned = try context.requestEach(PortWhoOwns.self, leases.map { .init(port: $0.port) }).map { try $0.get() }
      if context.json { return context.output.json(owned) }
      if owned.isEmpty, context.output.isTerminal {
        return Messages.line("No ports are leased: apps get theirs when they are started.")
      }
      let slugs =
        leases.contains { $0.workspace != nil }
        ? Dictionary(try context.allWorkspaces().map { ($0.id, $0.slug) }) { first, _ in first } : [:]
      var table = Table(
        .right("PORT"), .left("NAME"), .left("APP"), .left("WORKSPACE"), .left("KIND"), .text("LISTENING"))
      for (lease, port) in zip(leases, owned) {
        table.add(
          .init("\(lease.port)", .bold), .init(lease.name), .init(lease.appName ?? "-"),
          .init(lease.workspace.map { slugs[$0] ?? $0 } ?? "-"), .init(lease.fixed ? "fixed" : "leased", .dim),
          port.listener)
      }
      context.output.print(table)
    }
  }

  struct Resolve: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "resolve", abstract: "Tell where a port of an app is.")

    @OptionGroup var target: AppArgument

    @Argument(help: "The port's name. Default: the app's only one, or `http`.")
    var name: String?

    @Flag(name: .shortAndLong, help: "Print its URL only, or HOST:PORT.")
    var quiet = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let app = try AppFinder(context).find(target.app)
      let port = try context.request(PortResolve.self, .init(app: app.id, name: name))
      context.show(port) { port in
        let place = port.url ?? "\(port.host):\(port.port)"
        if quiet { return context.output.line(DisplayText.safe(place)) }
        var details = Details()
        details.add("port", "\(port.port)", .bold)
        details.add("name", port.name)
        details.add("host", port.host)
        details.add("protocol", port.protocol.rawValue)
        details.add("url", port.url)
        details.add(
          "listening", port.listening ? (port.foreign ? "a process of somebody else's" : "yes") : "no",
          port.listening ? (port.foreign ? .red : .green) : .yellow)
        details.add("pid", port.pid.map { "\($0)" })
        context.output.print(details)
      }
    }
  }

  struct Who: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "who", abstract: "Tell who listens on a TCP port of this machine.",
      discussion: "Processes of other users are seen only as far as the system lets this user see them.")

    @Argument(help: "The port.")
    var port: Int

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let owned = try context.request(PortWhoOwns.self, .init(port: port))
      context.show(owned) { owned in
        if owned.holders.isEmpty {
          context.output.line(
            owned.lease.map { "Nobody listens on port \(port), which is leased to \($0.holderName)" }
              ?? "Nobody listens on port \(port)")
          return
        }
        var table = Table(.right("PID"), .left("UID"), .left("APP"), .text("COMMAND"))
        for holder in owned.holders {
          table.add(
            .init(holder.pid.map { "\($0)" } ?? "-", .bold), .init("\(holder.uid)"),
            .init(holder.appName ?? "-", holder.appName == nil ? .dim : .green), .init(holder.command ?? "-"))
        }
        context.output.print(table)
      }
    }
  }
}

extension PortOwnership {
  /// Who listens, in the words of a table: a process of the app, one of somebody else's, or nobody.
  var listener: Table.Cell {
    guard listening else { return .init("no", .dim) }
    let own = holders.first { lease?.app != nil && $0.app == lease?.app }
    guard let holder = own ?? holders.first else { return .init("yes") }
    let process = [holder.pid.map { "pid \($0)" }, holder.command].compactMap(\.self).joined(separator: ", ")
    let who = process.isEmpty ? "uid \(holder.uid)" : process
    return own == nil && lease?.app != nil ? .init("by another: \(who)", .red) : .init(who, .green)
  }
}

extension PortLease {
  /// Whom it is kept for.
  var holderName: String { appName.map { "\($0) (\(name))" } ?? name }
}
