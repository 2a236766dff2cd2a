import ArgumentParser
import BerthProtocol
import JSON

extension InstanceCommand {
  struct Add: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "add",
      abstract: "Make a remote machine known. It is not contacted yet.",
      discussion: """
        HOST is a host name, an address, or a `Host` of ~/.ssh/config: what that says of it counts, as keys of the SSH \
        agent do. `berth instance probe NAME` then logs in and looks, `berth instance trust NAME` accepts its host key.
        """,
      aliases: ["create"])

    @Argument(help: "HOST, USER@HOST or USER@HOST:PORT.")
    var host: HostArgument

    @Option(help: "Its name. Default: the host.")
    var name: String?

    @OptionGroup var reach: ReachOptions
    @OptionGroup var place: PlaceOptions
    @OptionGroup(title: "Secrets") var secrets: InstanceSecretOptions

    @Option(help: "A word that makes a repetition of the call harmless.")
    var idempotencyKey: String?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func validate() throws {
      if host.user != nil, reach.user != nil { throw ValidationError("HOST names the user already.") }
      if host.port != nil, reach.port != nil { throw ValidationError("HOST names the port already.") }
    }

    func run(_ context: Context) throws {
      let secrets = try secrets.secrets(of: name ?? host.host)
      let created = try context.request(
        InstanceCreate.self,
        .init(
          host: host.host, name: name, port: reach.port ?? host.port, user: reach.user ?? host.user,
          identityFile: reach.identityFile(), useAgent: reach.agent, useConfig: reach.config, proxyJump: reach.jump,
          hostKeyPolicy: reach.hostKeys?.policy, secrets: secrets.isEmpty ? nil : secrets, project: place.project,
          environment: place.environment, idempotencyKey: idempotencyKey))
      let instance = created.instance
      context.show(instance) { instance in
        context.output.line(DisplayText.safe("Added \(instance.name), \(instance.id)"))
        if context.output.isTerminal {
          let name = ShellWord.quoted(instance.name)
          Messages.line(Style.errors(.dim, DisplayText.safe("`berth instance probe \(name)` logs in and looks")))
        }
      }
    }
  }

  struct Update: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "update", abstract: "Change how an instance is reached. Sessions that are open end.")

    @OptionGroup var target: InstanceArgument

    @Option(help: "Its new name.")
    var name: String?

    @Option(help: "Its host name, address, or a `Host` of ~/.ssh/config.")
    var host: String?

    @OptionGroup var reach: ReachOptions
    @OptionGroup(title: "Secrets") var secrets: InstanceSecretOptions

    @Option(help: "Forget a secret: \(SecretName.allValueStrings.joined(separator: ", ")). May be repeated.")
    var forget: [SecretName] = []

    @Option(help: "Fail where the instance is of another version.")
    var ifVersion: Int?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func validate() throws {
      if name == nil, host == nil, reach.isEmpty, secrets.isEmpty, forget.isEmpty {
        throw ValidationError("Say what to change.")
      }
    }

    func run(_ context: Context) throws {
      var secrets = try secrets.secrets(of: target.instance)
      for secret in forget { secrets[secret.name.rawValue] = .null }
      let instance = try context.request(
        InstanceUpdate.self,
        .init(
          instance: target.instance, name: name, host: host, port: reach.port, user: reach.user,
          identityFile: reach.identityFile(), useAgent: reach.agent, useConfig: reach.config, proxyJump: reach.jump,
          hostKeyPolicy: reach.hostKeys?.policy, secrets: secrets.isEmpty ? nil : secrets, ifVersion: ifVersion))
      context.show(instance, context.print)
    }
  }
}
