import ArgumentParser
import BerthProtocol
import Glibc
import JSON
import Platform

/// `berth config`: how the server is set up.
struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Show and change the configuration.",
    discussion: "Members are named with dots between, such as server.idleExitSeconds.",
    subcommands: [Get.self, Set.self, Unset.self, Update.self, Edit.self])
}

/// A member of the configuration, `server.logLevel`.
struct ConfigPath: ExpressibleByArgument {
  let parts: [String]

  init?(argument: String) {
    parts = argument.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if parts.contains("") { return nil }
  }

  var text: String { parts.joined(separator: ".") }

  /// A merge patch that gives the member a value; null takes it back to its default.
  func patch(_ value: JSONValue) -> JSONObject {
    let whole = parts.reversed().reduce(value) { .object([$1: $0]) }
    return whole.objectValue ?? JSONObject()
  }

  func value(in config: JSONValue) -> JSONValue? {
    parts.reduce(config) { $0?[$1] }
  }
}

extension ConfigCommand {
  struct Get: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "get",
      abstract: "Show the configuration in force, or one member of it.", aliases: ["show"])

    @Argument(help: "The member. Default: all.")
    var member: ConfigPath?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let state = try context.request(ConfigGet.self, .init())
      context.warn(of: state)
      guard let member else {
        if context.json { return context.output.json(state) }
        if context.output.isTerminal { context.output.line(context.output.style(.dim, state.file)) }
        return context.output.write(JSONText.pretty(state.config.jsonValue(), style: context.output.style).utf8)
      }
      guard let value = member.value(in: state.config.jsonValue()) else {
        throw Failure("the configuration has no member \(member.text)", status: .notFound)
      }
      if !context.json, let text = value.stringValue { return context.output.line(text) }
      context.output.json(value)
    }
  }

  struct Set: ServerCommand {
    static let configuration = CommandConfiguration(commandName: "set", abstract: "Set a member.")

    @Argument(help: "The member.")
    var member: ConfigPath

    @Argument(help: "Its value: JSON, or else a text.")
    var value: String

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let value = (try? JSONParser.parse(value)) ?? .string(value)
      try context.update(member.patch(value), showing: member)
    }
  }

  struct Unset: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "unset", abstract: "Take a member back to its default.")

    @Argument(help: "The member.")
    var member: ConfigPath

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      try context.update(member.patch(.null), showing: member)
    }
  }

  struct Update: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "update", abstract: "Change several members by a JSON Merge Patch.")

    @Argument(help: "The patch; `-` for one at standard input.")
    var patch: JSONText.Argument

    @Option(help: "Fail where the file is of another version.")
    var ifVersion: String?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      try context.update(patch.object(), showing: nil, ifVersion: ifVersion)
    }
  }

  struct Edit: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "edit",
      abstract: "Open the configuration in $VISUAL or $EDITOR.",
      discussion: "A file that is faulty is not taken; the last good one stays in force.")

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let file = try context.request(ConfigGet.self, .init()).file
      if access(file, F_OK) != 0 { try SmallFile.replace(file, with: Array("{}\n".utf8)) }
      while true {
        try openEditor(file)
        let state = try context.request(ConfigGet.self, .init())
        guard state.fault != nil else {
          return context.show(state) { _ in context.output.line("The configuration is in force.") }
        }
        context.warn(of: state)
        guard Terminal.canAsk, Prompt.confirm("Edit again?") else {
          throw Failure("\(file) is faulty and not in force")
        }
      }
    }

    private func openEditor(_ file: String) throws {
      let editor = Terminal.environment("VISUAL") ?? Terminal.environment("EDITOR") ?? "vi"
      // The variable may hold arguments, as in `code --wait`.
      let process = try ChildProcess(
        "/bin/sh", ["-c", "exec \(editor) \"$1\"", "sh", file], input: .standard(STDIN_FILENO),
        output: .standard(STDOUT_FILENO), error: .standard(STDERR_FILENO))
      let code = process.wait()
      guard code == 0 else { throw Failure("`\(editor)` ended with status \(code)") }
    }
  }
}

extension Context {
  func update(_ patch: JSONObject, showing member: ConfigPath?, ifVersion: String? = nil) throws {
    let state = try request(ConfigUpdate.self, .init(patch: patch, ifVersion: ifVersion))
    if json { return output.json(state) }
    guard let member, let value = member.value(in: state.config.jsonValue()) else {
      return output.line("The configuration is in force.")
    }
    output.line("\(member.text) is \(value.stringValue ?? value.jsonString)")
  }

  /// Tells why the file as it is now is not in force.
  func warn(of state: ConfigState) {
    guard let fault = state.fault else { return }
    let place = [fault.line, fault.column].compactMap(\.self).map { ":\($0)" }.joined()
    Messages.line(Style.errors(.yellow, "\(state.file)\(place): \(DisplayText.safe(fault.message))"))
    for row in fault.errors ?? [] {
      let path = row.loc.map { $0.stringValue ?? $0.jsonString }.joined(separator: ".")
      Messages.line("  \(DisplayText.safe(path)): \(DisplayText.safe(row.msg))")
    }
    Messages.line("The last good configuration stays in force.")
  }
}
