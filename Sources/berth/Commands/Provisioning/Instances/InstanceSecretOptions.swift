import ArgumentParser
import BerthProtocol
import JSON

/// The name of a secret, as it is written on the command line.
struct SecretName: ExpressibleByArgument, Equatable {
  let name: InstanceSecretName
  var word: String {
    switch name {
    case .password: "password"
    case .privateKey: "private-key"
    case .passphrase: "passphrase"
    case .sudoPassword: "sudo-password"
    }
  }

  init(_ name: InstanceSecretName) {
    self.name = name
  }

  init?(argument: String) {
    guard let name = InstanceSecretName.allCases.first(where: { SecretName($0).word == argument }) else { return nil }
    self.name = name
  }

  static let allValueStrings = InstanceSecretName.allCases.map { SecretName($0).word }
}

/// The secrets of an instance, whose values are no part of the command line.
struct InstanceSecretOptions: ParsableArguments {
  @Flag(help: "Ask for the password to log in with, without showing it.")
  var password = false

  @Flag(help: "Ask for the password that sudo wants. Default: the one to log in with.")
  var sudoPassword = false

  @Flag(help: "Ask for the passphrase of the private key.")
  var passphrase = false

  @Flag(help: "Read the password from standard input; of several secrets, a line each in the order of these options.")
  var passwordStdin = false

  @Flag(help: "Read the password that sudo wants from standard input.")
  var sudoPasswordStdin = false

  @Flag(help: "Read the passphrase of the private key from standard input.")
  var passphraseStdin = false

  @Flag(help: "Read the text of a private key from standard input, all of it.")
  var privateKeyStdin = false

  func validate() throws {
    for (isAsked, isRead, word) in [
      (password, passwordStdin, "password"), (sudoPassword, sudoPasswordStdin, "sudo-password"),
      (passphrase, passphraseStdin, "passphrase"),
    ] where isAsked && isRead {
      throw ValidationError("--\(word) and --\(word)-stdin exclude each other.")
    }
    if privateKeyStdin, !lines.isEmpty {
      throw ValidationError("--private-key-stdin takes all of standard input; nothing else can be read from there.")
    }
  }

  var isEmpty: Bool { prompts.isEmpty && lines.isEmpty && !privateKeyStdin }

  /// Those that are asked for.
  private var prompts: [InstanceSecretName] {
    [(password, .password), (sudoPassword, .sudoPassword), (passphrase, .passphrase)].compactMap { $0 ? $1 : nil }
  }

  /// Those that standard input has, a line each.
  private var lines: [InstanceSecretName] {
    [(passwordStdin, .password), (sudoPasswordStdin, .sudoPassword), (passphraseStdin, .passphrase)]
      .compactMap { $0 ? $1 : nil }
  }

  /// The values, as a merge patch.
  ///
  /// - Parameter instance: What whoever is asked is told that it is for.
  func secrets(of instance: String) throws -> JSONObject {
    var secrets = JSONObject()
    if privateKeyStdin {
      guard let text = String(validating: try Input.readAll(), as: UTF8.self), text.contains("PRIVATE KEY") else {
        throw Failure("standard input must hold the text of a private key", status: .usage)
      }
      secrets[InstanceSecretName.privateKey.rawValue] = .string(text)
    }
    if !lines.isEmpty {
      let values = try SecretOptions.values(lines.map { SecretName($0).word }, in: Input.readAll())
      for (name, value) in zip(lines, values) { secrets[name.rawValue] = .string(value) }
    }
    guard let first = prompts.first else { return secrets }
    guard Terminal.canAsk else {
      throw Failure(
        "nobody can be asked for the \(first.prompt)", status: .usage,
        hint: "--\(SecretName(first).word)-stdin reads it from standard input")
    }
    let values = try Prompt.secrets(prompts.map { "\($0.prompt) (\(instance))" })
    for (name, value) in zip(prompts, values) { secrets[name.rawValue] = .string(value) }
    return secrets
  }
}

extension InstanceSecretName {
  fileprivate var prompt: String {
    switch self {
    case .password: "password"
    case .privateKey: "private key"
    case .passphrase: "passphrase of the private key"
    case .sudoPassword: "password for sudo"
    }
  }
}
