import ArgumentParser
import BerthProtocol
import JSON

/// `berth catalog`: what can be installed on instances.
struct CatalogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "catalog",
    abstract: "Show what can be installed on instances: languages, their versions and servers.",
    discussion: """
      `berth catalog LANGUAGE` is short for `berth catalog list LANGUAGE`. An ID is that of a runtime, such as \
      python-3.13, or LANGUAGE/SERVER, such as python/gunicorn. Rows of your own go into the home's `catalog` folder.
      """,
    subcommands: [List.self, Show.self, Seed.self, Enable.self, Disable.self],
    defaultSubcommand: List.self)
}

/// A row of the catalog, as it is named on the command line.
enum CatalogReference: ExpressibleByArgument, Equatable {
  case runtime(String)
  case server(String, language: String)

  init?(argument: String) {
    guard let slash = argument.firstIndex(of: "/") else {
      guard !argument.isEmpty else { return nil }
      self = .runtime(argument)
      return
    }
    let (language, server) = (argument[..<slash], argument[argument.index(after: slash)...])
    guard !language.isEmpty, !server.isEmpty else { return nil }
    self = .server(String(server), language: String(language))
  }
}

struct CatalogArgument: ParsableArguments {
  @Argument(
    help: "A runtime's id, such as python-3.13, or LANGUAGE/SERVER.",
    completion: .custom { _, _, _ in Completion.catalog() })
  var id: CatalogReference
}

extension CatalogCommand {
  struct List: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List runtimes; of one language its versions and its servers.", aliases: ["ls"])

    @Argument(help: "The language, such as python.", completion: .custom { _, _, _ in Completion.languages() })
    var language: String?

    @Flag(name: .shortAndLong, help: "List those too that are not offered.")
    var all = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let runtimes = try context.request(
        CatalogListRuntimes.self, .init(runtimeName: language, includeInactive: all)
      ).runtimes
      guard let language else {
        if context.json { return context.output.json(runtimes) }
        return context.output.print(runtimes.table(forTerminal: context.output.isTerminal))
      }
      let servers = try context.request(
        CatalogListServers.self, .init(runtimeName: language, includeInactive: all)
      ).servers
      if context.json {
        return context.output.json(
          JSONValue.object(["runtimes": runtimes.jsonValue(), "servers": servers.jsonValue()]))
      }
      context.output.print(runtimes.table(forTerminal: context.output.isTerminal))
      guard !servers.isEmpty else { return }
      if context.output.isTerminal { context.output.line() }
      context.output.print(servers.table(forTerminal: context.output.isTerminal))
    }
  }

  struct Show: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "show", abstract: "Show one row, and what is done for it on which system.", aliases: ["get"])

    @OptionGroup var target: CatalogArgument

    @Flag(help: "Print the scripts that would be run.")
    var scripts = false

    @Option(help: "Only what is done on this family of systems: debian, alpine, fedora, arch or macos.")
    var os: OSFamily?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      switch target.id {
      case .runtime(let id):
        var detail = try context.request(CatalogGetRuntime.self, .init(runtimeId: id, scripts: scripts))
        detail.recipes = try chosen(detail.recipes, of: id)
        context.show(detail) { context.print($0.runtime.details, $0.recipes, scripts: scripts) }
      case .server(let server, let language):
        var detail = try context.request(
          CatalogGetServer.self, .init(runtimeName: language, server: server, scripts: scripts))
        detail.recipes = try chosen(detail.recipes, of: "\(language)/\(server)")
        context.show(detail) { context.print($0.server.details, $0.recipes, scripts: scripts) }
      }
    }

    private func chosen(_ recipes: [CatalogRecipe], of id: String) throws -> [CatalogRecipe] {
      guard let os else { return recipes }
      let chosen = recipes.filter { $0.os == os }
      guard !chosen.isEmpty else {
        let others = recipes.map(\.os.rawValue).joined(separator: ", ")
        throw Failure("\(id) has no recipe for \(os.rawValue), but for \(others)", status: .notFound)
      }
      return chosen
    }
  }

  struct Seed: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "seed",
      abstract: "Bring the catalog up to what this version knows, and to the home's own rows.",
      discussion: "What was changed by hand is kept.")

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let seeded = try context.request(CatalogSeed.self, .init())
      context.show(seeded) { seeded in
        context.output.line(
          "\(seeded.added) added, \(seeded.updated) updated, \(seeded.removed) removed, \(seeded.kept) kept as changed "
            + "by hand")
      }
    }
  }

  struct Enable: ServerCommand {
    static let configuration = CommandConfiguration(commandName: "enable", abstract: "Offer a row.")

    @OptionGroup var target: CatalogArgument
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws { try context.offer(target.id, true) }
  }

  struct Disable: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "disable", abstract: "Offer a row no longer. What is installed of it stays.")

    @OptionGroup var target: CatalogArgument
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws { try context.offer(target.id, false) }
  }
}

extension Context {
  fileprivate func offer(_ row: CatalogReference, _ isActive: Bool) throws {
    let state = isActive ? "offered" : "no longer offered"
    switch row {
    case .runtime(let id):
      let runtime = try request(CatalogUpdateRuntime.self, .init(runtimeId: id, isActive: isActive))
      show(runtime) { output.line(DisplayText.safe("\($0.displayName) is \(state)")) }
    case .server(let name, let language):
      let server = try request(
        CatalogUpdateServer.self, .init(runtimeName: language, server: name, isActive: isActive))
      show(server) { output.line(DisplayText.safe("\($0.displayName) for \($0.runtimeName) is \(state)")) }
    }
  }
}

extension OSFamily: ExpressibleByArgument {}
