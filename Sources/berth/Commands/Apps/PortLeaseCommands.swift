import ArgumentParser
import BerthProtocol

extension PortCommand {
  struct Reserve: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "reserve",
      abstract: "Lease a port for something of your own, or for an app.",
      discussion: "A lease that is there already is returned as it is. Without --json, the port alone is printed.")

    @Argument(help: "The lease's name.")
    var name: String

    @Option(name: .shortAndLong, help: "The port that is wanted. Default: a free one.")
    var port: Int?

    @Option(name: .shortAndLong, help: "The app that it is for.", completion: .custom { _, _, _ in Completion.apps() })
    var app: String?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let app = try app.map { try AppFinder(context).find($0).id }
      let lease = try context.request(PortReserve.self, .init(name: name, app: app, port: port))
      context.show(lease) { context.output.line("\($0.port)") }
    }
  }

  struct Release: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "release", abstract: "Give leased ports back.", aliases: ["rm"])

    @Argument(help: "The ports.")
    var ports: [Int]

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      var released: [PortLease] = []
      for port in ports {
        let lease = try context.request(PortRelease.self, .init(port: port))
        released.append(lease)
        if !context.json {
          context.output.line("Released \(lease.port), the lease of \(DisplayText.safe(lease.holderName))")
        }
      }
      if context.json { context.output.json(released) }
    }
  }
}
