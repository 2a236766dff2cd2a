import ArgumentParser
import BerthClient
import BerthProtocol
import JSON

extension InstanceCommand {
  struct Trust: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "trust",
      abstract: "Accept an instance's host key: exactly the one of a fingerprint.",
      discussion: """
        Without FINGERPRINT, the machine is asked for its key, and whoever is at the terminal whether it is the right \
        one; `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` shows it on the machine itself.
        """)

    @OptionGroup var target: InstanceArgument

    @Argument(help: "The fingerprint, SHA256:….")
    var fingerprint: String?

    @Flag(help: "Let it take the place of another key that was accepted before.")
    var replace = false

    @Flag(name: .shortAndLong, help: "Do not ask: accept whichever key the machine shows.")
    var yes = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      do {
        guard let fingerprint = try fingerprint ?? shown(context) else { return }
        let instance = try context.request(
          InstanceAcceptHostKey.self, .init(instance: target.instance, fingerprint: fingerprint, replace: replace))
        context.show(instance) { instance in
          let key = instance.hostKey.map { "\($0.type) \($0.fingerprint)" } ?? fingerprint
          context.output.line(DisplayText.safe("\(instance.name) is trusted with the host key \(key)"))
        }
      } catch let error as CallError {
        throw Failure(error, instance: target.instance)
      }
    }

    /// The fingerprint of the key that the machine shows, once it was agreed to; nil where it is trusted already.
    private func shown(_ context: Context) throws -> String? {
      var failure: CallError?
      do {
        let probe = try context.request(InstanceProbe.self, .init(instance: target.instance))
        return tellKnown(probe.instance, context)
      } catch let error as CallError {
        failure = error
      }
      guard let failure else { return nil }
      switch failure.type {
      case .hostKeyUnknown: break
      case .hostKeyChanged where replace: break
      case .authFailed, .keyUnusable:
        // It has shown its key before it refused us.
        return tellKnown(try context.request(InstanceGet.self, .init(instance: target.instance)), context)
      default: throw failure
      }
      let instance = try context.request(InstanceGet.self, .init(instance: target.instance))
      guard
        let fingerprint = failure.data?["fingerprint"]?.stringValue ?? instance.hostKey?.fingerprint
          ?? Failure.fingerprint(in: failure.message)
      else { throw failure }
      let type = instance.hostKey.map { $0.fingerprint == fingerprint ? "\($0.type) " : "" } ?? ""
      try agree(to: DisplayText.safe("\(type)\(fingerprint)"), of: instance)
      return fingerprint
    }

    private func tellKnown(_ instance: Instance, _ context: Context) -> String? {
      context.show(instance) { instance in
        let key = instance.hostKey.map { ": \($0.type) \($0.fingerprint)" } ?? ""
        context.output.line(DisplayText.safe("\(instance.name) is trusted already\(key)"))
      }
      return nil
    }

    private func agree(to key: String, of instance: Instance) throws {
      guard !yes else { return }
      let name = DisplayText.safe(instance.name)
      guard Terminal.canAsk else {
        throw Failure(
          "whether \(key) is the host key of \(name) has to be confirmed", status: .usage,
          hint:
            "`berth instance trust \(ShellWord.quoted(name)) FINGERPRINT` accepts exactly one, --yes the one it shows")
      }
      Messages.line("\(name) (\(DisplayText.safe(instance.address))) shows the host key")
      Messages.line("  " + Style.errors(.bold, key))
      guard Prompt.confirm("Is that the machine's own?") else {
        throw Failure("the host key was not accepted", status: .interrupted)
      }
    }
  }
}
