import Glibc
import Platform
import SSH
import TestSupport
import Testing

@Suite(.enabled(if: RealServer.isPossible)) struct HostKeyTests {
  @Test func anUnknownKeyIsRefusedUntilItIsAccepted() async throws {
    let server = try await RealServer.start()
    let hosts = server.knownHosts
    let target = server.target(policy: .strict)
    let found = try #require(await error { _ = try await SSHSession.connect(to: target, knownHosts: hosts) })
    #expect(found.code == .hostKeyUnknown)
    let key = try #require(found.hostKey)
    #expect(try server.folder.shell("ssh-keygen -lf host_ed25519.pub").contains(key.fingerprint))
    #expect(found.message.contains(key.fingerprint))
    try hosts.accept(key, host: "127.0.0.1", port: server.port)
    let session = try await SSHSession.connect(to: target, knownHosts: hosts)
    #expect(session.hostKey == key)
    #expect(session.banner?.hasPrefix("SSH-2.0-OpenSSH") == true)
  }

  @Test func theFirstKeyIsTakenOnTrustAndAnotherOneIsNot() async throws {
    let server = try await RealServer.start()
    _ = try await server.connect()
    #expect(try server.folder.read("known_hosts")?.hasPrefix("[127.0.0.1]:\(server.port) ssh-ed25519 ") == true)
    let impostor = try await RealServer.start()
    let gate = try Gate(to: impostor.port)
    let list = try #require(try server.folder.read("known_hosts"))
    try server.folder.write("known_hosts", "\n" + list.replacingPort(server.port, by: gate.port))
    for policy in [HostKeyPolicy.tofu, .strict] {
      let found = try #require(
        await error {
          _ = try await SSHSession.connect(
            to: impostor.target(policy: policy, port: gate.port), knownHosts: server.knownHosts)
        })
      #expect(found.code == .hostKeyChanged)
      #expect(found.message.contains("\(server.folder.path)/known_hosts line 2"))
      #expect(found.hostKey != nil)
    }
  }

  @Test func aRevokedKeyIsRefused() async throws {
    let server = try await RealServer.start()
    try server.folder.shell("echo \"@revoked * $(cat host_ed25519.pub)\" > known_hosts")
    let found = try #require(await error { _ = try await server.connect() })
    #expect(found.code == .hostKeyChanged)
    #expect(found.message.contains("revoked"))
  }

  @Test(arguments: ["ed25519", "ecdsa", "rsa"]) func theServerIsAskedForTheKeyThatIsKnown(_ type: String) async throws {
    // Servers of today do not sign with RSA and SHA-1 unless they are told to.
    let server = try await RealServer.start(
      settings: ["HostKeyAlgorithms ssh-ed25519,ecdsa-sha2-nistp256,ssh-rsa"], hostKeys: ["ed25519", "ecdsa", "rsa"])
    try server.folder.shell("echo \"[127.0.0.1]:\(server.port) $(cat host_\(type).pub)\" > known_hosts")
    let session = try await SSHSession.connect(to: server.target(policy: .strict), knownHosts: server.knownHosts)
    #expect(session.hostKey.type.contains(type))
  }

  @Test func aNewTypeOfKeyIsNotTakenOnTrustWhereAnotherIsKnown() async throws {
    let server = try await RealServer.start(hostKeys: ["ecdsa"])
    try server.folder.shell("echo \"[127.0.0.1]:\(server.port) $(cat key.pub)\" > known_hosts")
    let found = try #require(await error { _ = try await server.connect() })
    #expect(found.code == .hostKeyUnknown)
    #expect(found.message.contains("another type of key is known: ssh-ed25519 in"))
  }

  @Test func aServerWithAnRSAKeyOnlyIsToldToHaveAnother() async throws {
    let server = try await RealServer.start(hostKeys: ["rsa"])
    let found = try #require(await error { _ = try await server.connect() })
    #expect(found.code == .protocolFailed)
    #expect(found.message.contains("ed25519 or ECDSA"))
  }

  @Test(arguments: ["aes128-cbc", "aes256-ctr", "3des-cbc"]) func whatAServerInsistsOnIsSpoken(
    _ cipher: String
  ) async throws {
    let server = try await RealServer.start(
      settings: ["Ciphers \(cipher)", "MACs hmac-sha1", "KexAlgorithms diffie-hellman-group14-sha256"])
    let session = try await server.connect()
    #expect(text(try await session.run("echo spoken").output) == "spoken\n")
  }
}

extension String {
  fileprivate func replacingPort(_ port: Int, by other: Int) -> String {
    split(separator: ":\(port)", omittingEmptySubsequences: false).joined(separator: ":\(other)")
  }
}
