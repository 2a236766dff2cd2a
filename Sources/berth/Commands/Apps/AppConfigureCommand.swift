import ArgumentParser
import BerthProtocol
import JSON

extension AppCommand {
  struct Configure: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "configure",
      abstract: "Set and remove environment variables of an app.",
      discussion: "A running app has them after its next start.")

    @OptionGroup var target: AppArgument

    @Argument(help: "A variable, NAME=VALUE.")
    var values: [Assignment] = []

    @Option(help: "Remove a variable, secret or not. May be repeated.")
    var unset: [String] = []

    @OptionGroup var secretOptions: SecretOptions

    @Option(help: "Fail where the app is of another version.")
    var ifVersion: Int?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func validate() throws {
      if values.isEmpty, unset.isEmpty, secretOptions.secret.isEmpty {
        throw ValidationError("Give NAME=VALUE, --unset NAME or --secret NAME.")
      }
    }

    func run(_ context: Context) throws {
      var env = JSONObject()
      var secrets = JSONObject()
      for name in unset { (env[name], secrets[name]) = (.null, .null) }
      for value in values { env[value.name] = .string(value.value) }
      for (name, value) in try secretOptions.secrets() { secrets[name] = .string(value) }
      let app = try AppFinder(context).find(target.app)
      let changed = try context.request(
        AppConfigure.self,
        .init(
          app: app.id, env: env.isEmpty ? nil : env, secretEnv: secrets.isEmpty ? nil : secrets, ifVersion: ifVersion))
      context.show(changed) { app in
        let name = DisplayText.safe(app.app)
        context.output.line(
          app.pid == nil
            ? "Configured \(name)" : "Configured \(name); `berth app restart \(name)` makes it take effect")
      }
    }
  }
}
