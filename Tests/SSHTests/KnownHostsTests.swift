import Glibc
import Platform
import TestSupport
import JSON
import Testing

@testable import SSH

@Suite struct KnownHostsTests {
  let folder: TemporaryFolder
  let key: HostKey
  let otherKey: HostKey
  let rsaKey: HostKey

  init() throws {
    folder = try TemporaryFolder()
    key = try #require(Self.key("ssh-ed25519", 1))
    otherKey = try #require(Self.key("ssh-ed25519", 2))
    rsaKey = try #require(Self.key("ssh-rsa", 3))
  }

  static func key(_ type: String, _ seed: UInt8) -> HostKey? {
    var writer = FieldWriter()
    writer.string(Array(type.utf8))
    writer.string([UInt8](repeating: seed, count: 32))
    return HostKey(blob: writer.bytes)
  }

  func hosts(_ lines: String...) throws -> KnownHosts {
    try folder.write("own", lines.map { "\($0)\n" }.joined())
    return KnownHosts(own: "\(folder.path)/own")
  }

  func line(_ hosts: String, _ key: HostKey) -> String { "\(hosts) \(key.type) \(Base64.encode(key.blob)) a comment" }

  @Test func aKeyThatWasAcceptedIsKnown() throws {
    let hosts = KnownHosts(own: "\(folder.path)/own")
    #expect(hosts.state(of: key, host: "example.org", port: 22) == .unknown)
    try hosts.accept(key, host: "example.org", port: 22)
    try hosts.accept(key, host: "example.org", port: 22)
    #expect(hosts.state(of: key, host: "EXAMPLE.org", port: 22) == .known)
    #expect(hosts.state(of: key, host: "example.org", port: 2222) == .unknown)
    #expect(
      hosts.state(of: otherKey, host: "example.org", port: 22) == .changed(line: 1, file: "\(folder.path)/own"))
    #expect(hosts.state(of: rsaKey, host: "example.org", port: 22) == .unknown)
    #expect(hosts.types(host: "example.org", port: 22) == ["ssh-ed25519"])
    #expect(try folder.read("own")?.split(separator: "\n").count == 1)
    #expect(try folder.shell("stat -c %a own") == "600\n")
  }

  @Test func anotherPortHasBrackets() throws {
    let hosts = KnownHosts(own: "\(folder.path)/own")
    try hosts.accept(key, host: "::1", port: 2222)
    #expect(try folder.read("own")?.hasPrefix("[::1]:2222 ssh-ed25519 ") == true)
    #expect(hosts.state(of: key, host: "::1", port: 2222) == .known)
    #expect(hosts.state(of: key, host: "::1", port: 22) == .unknown)
  }

  @Test func patternsAndListsAreUnderstood() throws {
    let hosts = try hosts("# comment", "", line("a,*.example.org,!bad.example.org", key))
    for name in ["a", "x.example.org", "y.x.example.org"] {
      #expect(hosts.state(of: key, host: name, port: 22) == .known, "\(name)")
    }
    for name in ["bad.example.org", "example.org", "b"] {
      #expect(hosts.state(of: key, host: name, port: 22) == .unknown, "\(name)")
    }
  }

  @Test(.enabled(if: Machine.has("ssh-keygen"))) func namesThatSSHKeygenHashedAreUnderstood() throws {
    try folder.shell(
      """
      ssh-keygen -q -t ed25519 -N '' -f k; echo "host.example $(cut -d' ' -f1,2 k.pub)" > own
      echo "[other.example]:2200 $(cut -d' ' -f1,2 k.pub)" >> own; ssh-keygen -q -H -f own
      """)
    #expect(try folder.read("own")?.hasPrefix("|1|") == true)
    let blob = try #require(Base64.decode(try folder.shell("cut -d' ' -f2 k.pub").filter { $0 != "\n" }))
    let shown = try #require(HostKey(blob: blob))
    let hosts = KnownHosts(own: "\(folder.path)/own")
    #expect(hosts.state(of: shown, host: "host.example", port: 22) == .known)
    #expect(hosts.state(of: shown, host: "other.example", port: 2200) == .known)
    #expect(hosts.state(of: shown, host: "other.example", port: 22) == .unknown)
    #expect(hosts.state(of: key, host: "host.example", port: 22) == .changed(line: 1, file: "\(folder.path)/own"))
    #expect(try folder.shell("ssh-keygen -lf k.pub").contains(shown.fingerprint))
    try hosts.forget(host: "host.example", port: 22)
    #expect(hosts.state(of: shown, host: "host.example", port: 22) == .unknown)
    #expect(hosts.state(of: shown, host: "other.example", port: 2200) == .known)
  }

  @Test func aRevokedKeyIsNeverKnown() throws {
    let hosts = try hosts(line("h", key), line("@revoked *", key))
    #expect(hosts.state(of: key, host: "h", port: 22) == .revoked(line: 2, file: "\(folder.path)/own"))
    #expect(hosts.state(of: otherKey, host: "h", port: 22) == .changed(line: 1, file: "\(folder.path)/own"))
    #expect(throws: SSHError.self) { try hosts.accept(key, host: "h", port: 22) }
  }

  @Test func anAuthorityIsNotAKeyOfTheHost() throws {
    let hosts = try hosts(line("@cert-authority *.example.org", key))
    #expect(hosts.state(of: key, host: "a.example.org", port: 22) == .unknown)
    #expect(hosts.otherEntries(than: key, host: "a.example.org", port: 22).authorities == ["\(folder.path)/own line 1"])
  }

  @Test func aChangedKeyIsNotAcceptedUntilTheOldOneIsForgotten() throws {
    let hosts = try hosts("# mine", line("h", key), line("other", key))
    #expect { try hosts.accept(otherKey, host: "h", port: 22) } throws: {
      ($0 as? SSHError)?.code == .hostKeyChanged && "\($0)".contains("own line 2")
    }
    try hosts.forget(host: "h", port: 22)
    try hosts.accept(otherKey, host: "h", port: 22)
    #expect(hosts.state(of: otherKey, host: "h", port: 22) == .known)
    #expect(hosts.state(of: key, host: "other", port: 22) == .known)
    #expect(try folder.read("own")?.hasPrefix("# mine\n") == true)
  }

  @Test func otherListsAreReadAndNeverWritten() throws {
    try folder.write("user", line("h", key) + "\n")
    let hosts = KnownHosts(own: "\(folder.path)/own", others: ["\(folder.path)/user", "\(folder.path)/missing"])
    #expect(hosts.state(of: key, host: "h", port: 22) == .known)
    #expect(hosts.state(of: otherKey, host: "h", port: 22) == .changed(line: 1, file: "\(folder.path)/user"))
    try hosts.forget(host: "h", port: 22)
    try hosts.accept(rsaKey, host: "h", port: 22)
    #expect(try folder.read("user") == line("h", key) + "\n")
    #expect(hosts.types(host: "h", port: 22).sorted() == ["ssh-ed25519", "ssh-rsa"])
  }

  @Test func linesThatMakeNoSenseAreLeftAlone() throws {
    let junk = [
      "@odd h ssh-ed25519 AAAA", "h", "h ssh-ed25519", "h ssh-ed25519 !!!", "|1|x|y ssh-ed25519 AAAA", "@revoked",
    ]
    try folder.write("own", (junk + [line("h", key)]).joined(separator: "\r\n"))
    let hosts = KnownHosts(own: "\(folder.path)/own")
    #expect(hosts.state(of: key, host: "h", port: 22) == .known)
    try hosts.accept(rsaKey, host: "h", port: 22)
    #expect(hosts.state(of: rsaKey, host: "h", port: 22) == .known)
    #expect(hosts.state(of: key, host: "h", port: 22) == .known)
  }

  @Test func manyThreadsAcceptSideBySide() async throws {
    let path = "\(folder.path)/own"
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<40 {
        let key = try #require(Self.key("ssh-ed25519", UInt8(number)))
        group.addTask { try KnownHosts(own: path).accept(key, host: "h\(number)", port: 22) }
      }
      try await group.waitForAll()
    }
    for number in 0..<40 {
      let key = try #require(Self.key("ssh-ed25519", UInt8(number)))
      #expect(KnownHosts(own: path).state(of: key, host: "h\(number)", port: 22) == .known)
    }
  }

  @Test func aListThatCannotBeWrittenIsTold() throws {
    let hosts = KnownHosts(own: "\(folder.path)/missing/own")
    #expect { try hosts.accept(key, host: "h", port: 22) } throws: { ($0 as? SSHError)?.code == .knownHosts }
  }
}
