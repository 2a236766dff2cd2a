import Glibc
import Platform
import SSH
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: RealServer.isPossible)) struct AuthenticationTests {
  /// Logs in and asks who we are.
  func whoAmI(_ server: RealServer, _ credentials: [SSHCredential], user: String = "root") async throws -> String {
    let session = try await SSHSession.connect(
      to: server.target(credentials, user: user), knownHosts: server.knownHosts)
    return text(try await session.run("id -un").output)
  }

  func failure(_ server: RealServer, _ credentials: [SSHCredential], user: String = "root") async throws -> SSHError {
    try #require(await error { _ = try await whoAmI(server, credentials, user: user) })
  }

  @Test(arguments: [
    "-t ed25519", "-t ecdsa -b 256", "-t ecdsa -b 384", "-t ecdsa -b 521", "-t ecdsa -m PEM", "-t ecdsa -m PKCS8",
  ]) func aKeyLogsInWithAndWithoutPassphrase(_ options: String) async throws {
    let server = try await RealServer.start()
    let path = server.folder.path
    try server.folder.shell(
      """
      ssh-keygen -q \(options) -N '' -f plain; ssh-keygen -q \(options) -N 'geheim pass' -f secret
      cat plain.pub secret.pub > authorized_keys
      """)
    let bytes = try #require(try SmallFile.read("\(path)/plain"))
    let secret = try #require(try SmallFile.read("\(path)/secret"))
    #expect(try await whoAmI(server, [.keyFile("\(path)/plain", passphrase: nil)]) == "root\n")
    #expect(try await whoAmI(server, [.keyFile("\(path)/plain", passphrase: "needless")]) == "root\n")
    #expect(try await whoAmI(server, [.key(bytes, passphrase: nil)]) == "root\n")
    #expect(try await whoAmI(server, [.keyFile("\(path)/secret", passphrase: "geheim pass")]) == "root\n")
    #expect(try await whoAmI(server, [.key(secret, passphrase: "geheim pass")]) == "root\n")

    let missing = try await failure(server, [.keyFile("\(path)/secret", passphrase: nil)])
    #expect(missing.code == .keyPassphrase)
    #expect(missing.message.contains("is encrypted, and no passphrase was given"))
    let wrong = try await failure(server, [.keyFile("\(path)/secret", passphrase: "geheim")])
    #expect(wrong.code == .keyPassphrase, "\(wrong)")
    #expect(wrong.message.contains("wrong"))
    #expect(!wrong.message.contains("geheim"))
  }

  @Test func aKeyThatCannotBeUsedIsTold() async throws {
    let server = try await RealServer.start()
    let path = server.folder.path
    try server.folder.shell(
      """
      cp key open; chmod 644 open; mkdir folder; echo nonsense > junk; head -c 100 key > short; head -n 3 key > cut
      (head -n 1 key; echo AAAA; tail -n 1 key) > damaged; chmod 600 junk short cut damaged; cp key.pub public; chmod 600 public
      """)
    for (file, words) in [
      ("missing", "does not exist"), ("open", "can be read by others: chmod 600"), ("folder", "is not a file"),
      ("junk", "is not a private key"), ("short", "its last line is missing"), ("cut", "its last line is missing"),
      ("damaged", "can't be decoded"), ("public", "is a public key"),
    ] {
      let found = try await failure(server, [.keyFile("\(path)/\(file)", passphrase: nil)])
      #expect(found.code == .keyUnreadable, "\(file): \(found)")
      #expect(found.message.contains(words), "\(file): \(found)")
      #expect(found.host == "127.0.0.1")
    }
    #expect(try await failure(server, [.key([1, 2, 3], passphrase: nil)]).code == .keyUnreadable)
    // One that can't be used does not keep the next one from being tried.
    #expect(try await whoAmI(server, [.keyFile("\(path)/missing", passphrase: nil), server.key]) == "root\n")
  }

  @Test func aRefusalSaysWhatWasTriedAndOffered() async throws {
    let server = try await RealServer.start(settings: ["PasswordAuthentication no", "KbdInteractiveAuthentication no"])
    try server.folder.shell("ssh-keygen -q -t ed25519 -N '' -f stranger")
    let path = "\(server.folder.path)/stranger"
    let found = try await failure(server, [.keyFile(path, passphrase: nil), .password("hush")])
    #expect(found.code == .authFailed)
    #expect(found.offered == ["publickey"])
    #expect(found.tried == ["key file \(path) (ssh-ed25519)", "password"])
    #expect(found.message.contains("The server does not take passwords."))
    #expect(!found.message.contains("hush"))
    #expect((found.host, found.port ?? 0) == ("127.0.0.1", server.port))
    let none = try await failure(server, [])
    #expect(none.code == .authFailed)
    #expect(none.message.contains("There is nothing to log in with"))
  }

  @Test func anRSAKeyIsRefusedWithTheWayOut() async throws {
    let server = try await RealServer.start()
    try server.folder.shell("ssh-keygen -q -t rsa -N '' -f rsa; cat rsa.pub >> authorized_keys")
    let found = try await failure(server, [.keyFile("\(server.folder.path)/rsa", passphrase: nil)])
    #expect(found.code == .authFailed)
    #expect(found.message.contains("RSA key"))
    #expect(found.message.contains("ssh-keygen -t ed25519"))
  }

  @Test func aPasswordLogsIn() async throws {
    try #require(RealServer.canHaveAccounts)
    let server = try await RealServer.start(accounts: true)
    #expect(try await whoAmI(server, [.password(RealServer.password)], user: RealServer.user) == "gustav\n")
    let wrong = try await failure(server, [.password("false")], user: RealServer.user)
    #expect(wrong.code == .authFailed)
    #expect(wrong.tried.first == "password")
    #expect(!wrong.message.contains("false"))
  }

  @Test func aServerThatWantsTwoMethodsGetsBoth() async throws {
    try #require(RealServer.canHaveAccounts)
    let server = try await RealServer.start(
      settings: ["AuthenticationMethods publickey,password"], accounts: true)
    let both = [server.key, .password(RealServer.password)]
    #expect(try await whoAmI(server, both, user: RealServer.user) == "gustav\n")
    let one = try await failure(server, [server.key], user: RealServer.user)
    #expect(one.code == .authFailed)
  }

  @Test func aPasswordAnswersTheQuestionsOfKeyboardInteractive() async throws {
    try #require(RealServer.canHaveAccounts)
    try #require(access("/etc/pam.d/sshd", R_OK) == 0)
    let server = try await RealServer.start(
      settings: ["UsePAM yes", "KbdInteractiveAuthentication yes", "PasswordAuthentication no"], accounts: true)
    #expect(try await whoAmI(server, [.password(RealServer.password)], user: RealServer.user) == "gustav\n")
    let wrong = try await failure(server, [.password("false")], user: RealServer.user)
    #expect(wrong.code == .authFailed)
    #expect(wrong.tried == ["keyboard-interactive"])
  }

  @Test func aServerThatDoesNotAnswerIsGivenUp() async throws {
    // sshd waits for the command that looks keys up.
    let server = try await RealServer.start(settings: [
      "AuthorizedKeysCommand /usr/bin/sleep 300", "AuthorizedKeysCommandUser root",
    ])
    try server.folder.shell(": > authorized_keys")
    let time = await seconds {
      let found = await error {
        _ = try await SSHSession.connect(
          to: server.target(), knownHosts: server.knownHosts, limits: SSHLimits(authSeconds: 1))
      }
      #expect(found?.code == .timeout)
      #expect(found?.tried.count == 1)
    }
    #expect(time < 60)
  }
}
