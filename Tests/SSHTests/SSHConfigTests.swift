import Glibc
import SSH
import TestSupport
import Testing

@Suite struct SSHConfigTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  func config(_ text: String) throws -> SSHConfig {
    try folder.write(".ssh/config", text)
    return SSHConfig(path: "~/.ssh/config", home: folder.path)
  }

  @Test func theFirstValueCounts() throws {
    let config = try config(
      """
      # mine
      Host web
        HostName web.example.org
        User deploy
        Port 2222
      Host w* !worse
        User other
        IdentityFile ~/.ssh/id_w
      Host *
        User everybody
        IdentityFile %d/.ssh/%r@%h-%n
        IdentitiesOnly yes
      """)
    let web = config.resolve("web")
    #expect(web.hostName == "web.example.org")
    #expect(web.user == "deploy")
    #expect(web.port == 2222)
    #expect(web.identitiesOnly)
    #expect(
      web.identityFiles == ["\(folder.path)/.ssh/id_w", "\(folder.path)/.ssh/deploy@web.example.org-web"])
    #expect(config.resolve("worse").user == "everybody")
    #expect(config.resolve("worse").identityFiles.count == 1)
    #expect(config.resolve("white").user == "other")
    #expect(config.resolve("unheard").hostName == nil)
    #expect(config.resolve("unheard").port == nil)
    #expect(config.aliases == ["web"])
  }

  @Test func keywordsAreReadInEveryFormThatSSHReads() throws {
    let host = try config(
      """
      \tHOST\t"a"   b
      hostname=%h.example.org
      port = 2200
      IdentityFile "~/my keys/id"   # a comment
      userknownhostsfile ~/a "/b c"
      StrictHostKeyChecking accept-new
      """
    ).resolve("b")
    #expect(host.hostName == "b.example.org")
    #expect(host.port == 2200)
    #expect(host.identityFiles == ["\(folder.path)/my keys/id"])
    #expect(host.userKnownHostsFiles == ["\(folder.path)/a", "/b c"])
    #expect(host.hostKeyPolicy == .tofu)
    #expect(host.unsupported.isEmpty)
  }

  @Test func jumpsAreAListInOrder() throws {
    let config = try config(
      """
      Host inner
        ProxyJump me@first:2200,second,ssh://you@[::1]:22
      Host direct
        ProxyJump none
      Host *
        ProxyJump gate
      """)
    #expect(config.resolve("inner").proxyJump == ["me@first:2200", "second", "ssh://you@[::1]:22"])
    #expect(config.resolve("direct").proxyJump.isEmpty)
    #expect(config.resolve("x").proxyJump == ["gate"])
    let jump = try #require(SSHConfigHost.jump("ssh://you@[::1]:22"))
    #expect(jump == ("you", "::1", 22))
    #expect(try #require(SSHConfigHost.jump("me@first:2200")) == ("me", "first", 2200))
    #expect(try #require(SSHConfigHost.jump("fe80::1")) == (nil, "fe80::1", nil))
    #expect(try #require(SSHConfigHost.jump("a@b@host")) == ("a@b", "host", nil))
    for text in ["", "host:", "host:x", "host:99999", "@host", "me@", "[::1]x"] {
      #expect(SSHConfigHost.jump(text) == nil, "\(text)")
    }
  }

  @Test func includedFilesStandWhereTheyAreIncluded() throws {
    try folder.write(".ssh/config.d/10-a", "User included\nHost b\n  Port 1000\n")
    try folder.write(".ssh/config.d/20-b", "Host *\n  Port 2000\n")
    let config = try config(
      """
      Host a b
        Include config.d/*
        HostName inside
      Include \(folder.path)/nothing
      Include \(folder.path)/.ssh/config
      """)
    // What follows an inclusion belongs to the block that includes it.
    #expect(config.resolve("a").hostName == "inside")
    #expect(config.resolve("a").user == "included")
    #expect(config.resolve("a").port == 2000)
    #expect(config.resolve("b").port == 1000)
    #expect(config.resolve("c").user == nil)
    #expect(config.resolve("c").port == nil)
    #expect(config.faults.contains { $0.contains("too deeply") })
  }

  @Test func onlyMatchAllIsFollowed() throws {
    let config = try config(
      """
      Match host a exec "true"
        User wrong
      Match all
        User right
      """)
    let host = config.resolve("a")
    #expect(host.user == "right")
    #expect(host.unsupported == ["\(folder.path)/.ssh/config:1: Match host a exec true"])
  }

  @Test func whatWouldChangeTheConnectionIsTold() throws {
    let host = try config(
      """
      Host *
        ServerAliveInterval 3
        ForwardAgent yes
        ProxyCommand nc %h %p
        CertificateFile ~/cert
        PKCS11Provider none
        AddressFamily inet6
        PubkeyAuthentication yes
        Port 99999999
      Host other
        Ciphers x
      """
    ).resolve("a")
    let path = "\(folder.path)/.ssh/config"
    #expect(
      host.unsupported == [
        "\(path):4: ProxyCommand nc %h %p", "\(path):5: CertificateFile ~/cert", "\(path):7: AddressFamily inet6",
        "\(path):9: Port 99999999 is not a port",
      ])
    #expect(host.port == nil)
  }

  @Test func agentsAreNamedInAllWays() throws {
    setenv("BERTH_TEST_AGENT", "/run/agent", 1)
    let config = try config(
      """
      Host a
        IdentityAgent none
      Host b
        IdentityAgent SSH_AUTH_SOCK
      Host c
        IdentityAgent $BERTH_TEST_AGENT
      Host d
        IdentityAgent ${BERTH_TEST_AGENT}.%r
        User me
      Host e
        IdentityAgent ~/agent
      """)
    #expect(config.resolve("a").identityAgent == "none")
    #expect(config.resolve("b").identityAgent == nil)
    #expect(config.resolve("c").identityAgent == "/run/agent")
    #expect(config.resolve("d").identityAgent == "/run/agent.me")
    #expect(config.resolve("e").identityAgent == "\(folder.path)/agent")
  }

  @Test func nothingMakesItFail() throws {
    let config = try config(
      "Host\nUser\n\"open\nIdentityFile \"x\nInclude\n=\n= =\nMatch\nHost a\nPort\nUser \"\"\n\u{0}\u{1}")
    #expect(config.faults.count == 2)
    #expect(config.resolve("a").unsupported.count == 2)
    #expect(SSHConfig(path: "/missing/config").resolve("a") == SSHConfigHost(alias: "a"))
    #expect(SSHConfig(path: "/proc").faults.count == 1)
  }
}
