import ArgumentParser
import BerthProtocol

/// How an instance is reached.
struct ReachOptions: ParsableArguments {
  @Option(help: "The port of its SSH server. Default: as ~/.ssh/config says, or 22.")
  var port: Int?

  @Option(help: "Whom to log in as. Default: as ~/.ssh/config says, or the server's user.")
  var user: String?

  @Option(help: "The file of a private key, on the machine of the server.", completion: .file())
  var identity: String?

  @Option(help: "Machines to go through, [USER@]HOST[:PORT], with commas between; `none` for none.")
  var jump: String?

  @Flag(inversion: .prefixedNo, help: "Whether keys of the SSH agent are tried. Default: yes.")
  var agent: Bool?

  @Flag(inversion: .prefixedNo, help: "Whether ~/.ssh/config counts. Default: yes.")
  var config: Bool?

  @Flag(help: "What to do with an unknown host key: refuse it, or accept the first one. Default: --strict.")
  var hostKeys: HostKeyFlag?

  func validate() throws {
    if let port, !(1...65535).contains(port) { throw ValidationError("--port is 1 to 65535.") }
  }

  /// The path of the private key: a path that begins with `~` is the server's to resolve.
  func identityFile() throws -> String? {
    try identity.map { $0.hasPrefix("~") ? $0 : try Context.absolute($0) }
  }

  var isEmpty: Bool {
    port == nil && user == nil && identity == nil && jump == nil && agent == nil && config == nil && hostKeys == nil
  }
}

enum HostKeyFlag: String, EnumerableFlag {
  case strict, tofu

  var policy: HostKeyPolicy {
    switch self {
    case .strict: .strict
    case .tofu: .tofu
    }
  }
}
