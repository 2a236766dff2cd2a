internal import CSSH2
internal import Glibc
internal import Platform

/// Logs in with one credential after the other.
final class Authentication {
  private let link: Link
  private let user: [CChar]
  private let credentials: [SSHCredential]
  private let deadline: Int64
  private var tried: [String] = []
  private var offered: [String] = []
  /// How much had been tried when the server was last asked for its methods.
  private var triedWhenAsked = 0
  /// Why credentials could not be used or were refused, in order.
  private var reasons: [SSHError] = []

  /// How many of an agent's keys are shown to a server: sshd hangs up after six attempts.
  private static let maximumAgentKeys = 5

  init(_ link: Link, _ credentials: [SSHCredential], until deadline: Int64) {
    self.link = link
    self.credentials = credentials
    self.deadline = deadline
    user = Array(link.endpoint.user.utf8CString)
  }

  func logIn() throws(SSHError) {
    // A NUL would end the name early.
    guard !link.endpoint.user.isEmpty, !link.endpoint.user.utf8.contains(0) else {
      throw SSHError(.authFailed, "A user's name is missing for \(link.endpoint.place).")
    }
    if try findMethods() { return }
    for credential in credentials {
      do throws(SSHError) {
        if try attempt(credential) { return }
      } catch {
        switch error.code {
        case .keyUnreadable, .keyPassphrase, .agentUnavailable: reasons.append(error)
        default: throw error
        }
      }
      // Asking for the methods is an attempt too.
      if libssh2_userauth_authenticated(link.session) == 1 { return }
      if link.wire.isDead || link.wire.farewell != nil { break }
    }
    throw failure()
  }

  // MARK: Credentials

  /// - Returns: Whether the user is in.
  private func attempt(_ credential: SSHCredential) throws(SSHError) -> Bool {
    switch credential {
    case .agent(let path):
      return try attemptAgent(path)
    case .keyFile(let path, let passphrase):
      let key = try PrivateKey.read(path)
      return try attemptKey(key, passphrase, name: "The key file \(path)", tried: "key file \(path)")
    case .key(let bytes, let passphrase):
      let key = try PrivateKey(bytes, name: "The key")
      return try attemptKey(key, passphrase, name: "The key", tried: "key")
    case .password(let password):
      return try attemptPassword(password)
    }
  }

  private func attemptAgent(_ path: String?) throws(SSHError) -> Bool {
    guard try offers("publickey") else { return refuse("agent", "The server does not take keys.") }
    let agent = try Agent(path, mailbox: link.mailbox, deadline: deadline)
    let identities = try agent.identities()
    if identities.isEmpty {
      throw SSHError(.agentUnavailable, "The key agent holds no key: add one with ssh-add.")
    }
    // Those that can work come first: RSA ones would use up the attempts that a server allows.
    let usable = identities.filter { Self.keyTypes.contains($0.type) }
    for identity in usable.prefix(Self.maximumAgentKeys) {
      tried.append("agent key \(HostKey.fingerprint(of: identity.blob)) (\(identity.type), \(identity.comment))")
      let signer = Signer(agent: agent, key: identity.blob)
      let result = try drive { [user] in
        var abstract: UnsafeMutableRawPointer? = Unmanaged.passUnretained(signer).toOpaque()
        return libssh2_userauth_publickey(
          self.link.session, user, identity.blob, identity.blob.count, Signer.function, &abstract)
      }
      if let error = signer.failure {
        if error.code == .cancelled { throw error }
        reasons.append(error)
      }
      if result == 0 { return true }
      if link.wire.isDead { return false }
    }
    if usable.isEmpty {
      let types = Set(identities.map(\.type)).sorted().joined(separator: ", ")
      return refuse("agent", "None of the agent's keys can be used (\(types)): \(Self.rsaAdvice)")
    }
    return false
  }

  private func attemptKey(
    _ key: PrivateKey, _ passphrase: String?, name: String, tried label: String
  ) throws(SSHError) -> Bool {
    guard try offers("publickey") else { return refuse(label, "The server does not take keys.") }
    if key.isEncrypted, passphrase?.isEmpty ?? true {
      throw SSHError(.keyPassphrase, "\(name) is encrypted, and no passphrase was given.")
    }
    if let type = key.type, type.hasPrefix("sk-") {
      throw SSHError(
        .keyUnreadable, "\(name) lies on a security key (\(type)), which is not supported. Use another key.")
    }
    tried.append(key.type.map { "\(label) (\($0))" } ?? label)
    // libssh2 reads up to a NUL.
    let text = key.bytes.map { CChar(bitPattern: $0) } + [0]
    let phrase = passphrase.map { Array($0.utf8CString) }
    let result = try drive { [user] in
      libssh2_userauth_publickey_frommemory(
        self.link.session, user, user.count - 1, nil, 0, text, text.count - 1, phrase)
    }
    switch result {
    case 0: return true
    case LIBSSH2_ERROR_AUTHENTICATION_FAILED, LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED:
      if key.type == "ssh-rsa" {
        reasons.append(SSHError(.authFailed, "\(name) is an RSA key, and the server refused it: \(Self.rsaAdvice)"))
      }
      return false
    default:
      if link.wire.isDead { return false }
      // Nothing of it has reached the server.
      tried.removeLast()
      if key.isEncrypted { throw SSHError(.keyPassphrase, "The passphrase of \(Self.lowercasedFirst(name)) is wrong.") }
      throw SSHError(
        .keyUnreadable, "\(name) can't be used: \(link.reason). Convert it: ssh-keygen -p -f KEY.")
    }
  }

  private func attemptPassword(_ password: String) throws(SSHError) -> Bool {
    let (takesPassword, asksQuestions) = (try offers("password"), try offers("keyboard-interactive"))
    guard takesPassword || asksQuestions else {
      return refuse("password", "The server does not take passwords.")
    }
    let text = Array(password.utf8)
    if takesPassword {
      tried.append("password")
      let result = try drive { [user] in
        text.withUnsafeBufferPointer { text in
          text.withMemoryRebound(to: CChar.self) { text in
            libssh2_userauth_password_ex(
              self.link.session, user, UInt32(user.count - 1), text.baseAddress, UInt32(text.count), nil)
          }
        }
      }
      if result == 0 { return true }
      if result == LIBSSH2_ERROR_PASSWORD_EXPIRED {
        return refuse(nil, "The password has expired: log in by hand and change it.")
      }
      if link.wire.isDead || link.wire.farewell != nil { return false }
    }
    if asksQuestions {
      tried.append("keyboard-interactive")
      return try Prompts.answering(with: text, on: link) { (call) throws(SSHError) in try drive(call) } == 0
    }
    return false
  }

  // MARK: Parts

  /// Asks the server which methods it offers. - Returns: Whether it let the user in without any.
  private func findMethods() throws(SSHError) -> Bool {
    var list: UnsafeMutablePointer<CChar>?
    let result = try drive { [user] in
      list = libssh2_userauth_list(self.link.session, user, UInt32(user.count - 1))
      if list != nil || libssh2_userauth_authenticated(self.link.session) == 1 { return 0 }
      return libssh2_session_last_errno(self.link.session)
    }
    if libssh2_userauth_authenticated(link.session) == 1 { return true }
    guard result == 0, let list else {
      throw SSHError(.protocolFailed, "\(link.endpoint.place) does not say how to log in: \(link.reason).")
    }
    // The memory is the session's own.
    let now = String(cString: list).split(separator: ",").map { Printable.text($0.utf8) }
    offered = now
    return false
  }

  /// Whether the server offers a method: one that wants several of them tells the next when it has got one.
  private func offers(_ method: String) throws(SSHError) -> Bool {
    if !offered.contains(method), !tried.isEmpty, triedWhenAsked < tried.count {
      triedWhenAsked = tried.count
      _ = try findMethods()
    }
    return offered.contains(method)
  }

  private func refuse(_ attempt: String?, _ reason: String) -> Bool {
    if let attempt { tried.append(attempt) }
    reasons.append(SSHError(.authFailed, reason))
    return false
  }

  private func drive(_ call: () -> Int32) throws(SSHError) -> Int32 {
    do throws(SSHError) {
      return try link.drive(until: deadline, code: .timeout, "Logging in", call)
    } catch {
      var error = error
      (error.tried, error.offered) = (tried, offered)
      throw error
    }
  }

  private func failure() -> SSHError {
    // Where only one thing could be tried and could not even be used, that is what is wrong.
    if credentials.count == 1, tried.isEmpty, var only = reasons.first, only.code != .authFailed {
      only.offered = offered
      return only
    }
    var message = "\(link.endpoint.place) did not let \(link.endpoint.user) in"
    message += tried.isEmpty ? "." : " with \(tried.joined(separator: ", "))."
    if !offered.isEmpty { message += " It offers \(offered.joined(separator: ", "))." }
    if credentials.isEmpty { message += " There is nothing to log in with: name a key or a password." }
    if let farewell = link.wire.farewell { message += " It hung up: \(farewell)." }
    for reason in reasons { message += " \(reason.message)" }
    return SSHError(.authFailed, message, tried: tried, offered: offered)
  }

  private static func lowercasedFirst(_ text: String) -> String { text.prefix(1).lowercased() + text.dropFirst() }

  /// The types of user keys that libssh2 can log in with today.
  private static let keyTypes: Set<String> = [
    "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
  ]

  private static let rsaAdvice =
    "RSA keys are signed with SHA-1 here, which servers of today refuse. Use an ed25519 key "
    + "(ssh-keygen -t ed25519, and its .pub into the server's authorized_keys), an ECDSA one, or the password."
}
