import ArgumentParser
import BerthClient
import BerthProtocol
import JSON
import Testing

@testable import berth

@Suite struct ProvisioningArgumentTests {
  static let hosts: [(String, host: String?, user: String?, port: Int?)] = [
    ("web1", "web1", nil, nil), ("me@web1", "web1", "me", nil), ("me@web1:2222", "web1", "me", 2222),
    ("web1:22", "web1", nil, 22), ("ssh://me@web1:2222/", "web1", "me", 2222), ("::1", "::1", nil, nil),
    ("me@[::1]:2222", "::1", "me", 2222), ("[fe80::1%eth0]", "fe80::1%eth0", nil, nil),
    ("a@b@web1", "web1", "a@b", nil), ("", nil, nil, nil), ("@web1", nil, nil, nil), ("me@", nil, nil, nil),
    ("web1:", nil, nil, nil), ("web1:0", nil, nil, nil), ("web1:65536", nil, nil, nil), ("[::1", nil, nil, nil),
    ("[::1]22", nil, nil, nil), ("-oProxyCommand=x", nil, nil, nil), ("a b", nil, nil, nil),
  ]

  @Test(arguments: hosts)
  func `a machine is written as for SSH's own commands`(text: String, host: String?, user: String?, port: Int?) {
    let parsed = HostArgument(argument: text)
    #expect(parsed?.host == host)
    #expect(parsed?.user == user)
    #expect(parsed?.port == port)
  }

  @Test func `a row of the catalog is a runtime, or a server of a language`() {
    #expect(CatalogReference(argument: "python-3.13") == .runtime("python-3.13"))
    #expect(CatalogReference(argument: "python/gunicorn") == .server("gunicorn", language: "python"))
    for wrong in ["", "/", "python/", "/gunicorn"] { #expect(CatalogReference(argument: wrong) == nil) }
  }

  @Test func `lists need no word for that`() throws {
    #expect(try Berth.parseAsRoot(["catalog"]) is CatalogCommand.List)
    let list = try #require(try Berth.parseAsRoot(["catalog", "python", "--all"]) as? CatalogCommand.List)
    #expect(list.language == "python" && list.all)
    #expect(try Berth.parseAsRoot(["catalog", "show", "python-3.13", "--os", "alpine"]) is CatalogCommand.Show)
    #expect(try Berth.parseAsRoot(["instances"]) is InstanceCommand.List)
    #expect(try Berth.parseAsRoot(["connections", "--all"]) is ConnectionCommand.List)
    #expect(try Berth.parseAsRoot(["projects"]) is ProjectCommand.List)
    #expect(try Berth.parseAsRoot(["environments", "shop"]) is EnvironmentCommand.List)
    let resources = try #require(
      try Berth.parseAsRoot(["resources", "--type", "runtime", "--no-connected"]) as? ResourceCommand.List)
    #expect(resources.type == [.runtime] && resources.connected == false)
  }

  @Test func `an instance is added with what SSH has to know`() throws {
    let add = try #require(
      try Berth.parseAsRoot([
        "instance", "add", "me@web1:2222", "--name", "Web 1", "--identity", "~/.ssh/key", "--jump", "a,b", "--tofu",
        "--no-agent", "--no-config", "--project", "shop", "--password-stdin", "--sudo-password-stdin",
      ]) as? InstanceCommand.Add)
    #expect(add.host == HostArgument(argument: "me@web1:2222"))
    #expect(add.reach.agent == false && add.reach.config == false && add.reach.hostKeys?.policy == .tofu)
    // The server resolves it: its home may be another one.
    #expect(try add.reach.identityFile() == "~/.ssh/key")
    let plain = try #require(try Berth.parseAsRoot(["instance", "add", "web1"]) as? InstanceCommand.Add)
    #expect(plain.reach.isEmpty && plain.secrets.isEmpty)
    for wrong in [
      ["me@web1", "--user", "you"], ["web1:22", "--port", "23"], ["web1", "--port", "0"],
      ["web1", "--password", "--password-stdin"], ["web1", "--private-key-stdin", "--passphrase-stdin"],
      ["web1", "--tofu", "--strict"],
    ] {
      #expect(throws: (any Error).self) { try Berth.parseAsRoot(["instance", "add"] + wrong) }
    }
    #expect(throws: (any Error).self) { try Berth.parseAsRoot(["instance", "update", "web1"]) }
  }

  @Test func `secrets are named with dashes`() {
    #expect(SecretName(argument: "sudo-password")?.name == .sudoPassword)
    #expect(SecretName(argument: "private-key")?.name == .privateKey)
    #expect(SecretName(argument: "sudoPassword") == nil)
    #expect(SecretName.allValueStrings == ["password", "private-key", "passphrase", "sudo-password"])
  }

  @Test func `a command on an instance keeps its words`() throws {
    let exec = try #require(
      try Berth.parseAsRoot(["instance", "exec", "web1", "--root", "--", "ls", "-l", "my file"])
        as? InstanceCommand.Exec)
    #expect(exec.root && exec.command == ["ls", "-l", "my file"])
    #expect(ShellWord.commandLine(["echo $HOME | wc"]) == "echo $HOME | wc")
    #expect(ShellWord.commandLine(["ls", "-l", "my file", "it's", ""]) == #"ls -l 'my file' 'it'\''s' ''"#)
    #expect(ShellWord.commandLine(["printf", "%s|", "$HOME"]) == "printf '%s|' '$HOME'")
    #expect(throws: (any Error).self) { try Berth.parseAsRoot(["instance", "exec", "web1"]) }
  }

  @Test func `a signal is a status, as shells have it`() {
    #expect(ExecFollower.status(ofSignal: "KILL").rawValue == 137)
    #expect(ExecFollower.status(ofSignal: "TERM").rawValue == 143)
    #expect(ExecFollower.status(ofSignal: "USR1").rawValue == 1)
  }

  @Test func `connecting names a runtime and instances`() throws {
    let connect = try #require(
      try Berth.parseAsRoot(["connect", "python", "web1", "web2", "-s", "gunicorn", "--plan", "--scripts"])
        as? ConnectCommand)
    #expect(connect.runtime == "python" && connect.instances == ["web1", "web2"] && connect.server == "gunicorn")
    let disconnect = try #require(
      try Berth.parseAsRoot(["disconnect", "con_1", "--force"]) as? DisconnectCommand)
    #expect(disconnect.force && disconnect.instances.isEmpty)
    for wrong in [
      ["connect", "python"], ["connect", "python", "web1", "--scripts"], ["disconnect", "con_1", "web1"],
      ["instance", "probe"], ["instance", "probe", "web1", "--all"], ["connections", "--all", "--status", "failed"],
    ] {
      #expect(throws: (any Error).self) { try Berth.parseAsRoot(wrong) }
    }
  }
}

@Suite struct RuntimeChoiceTests {
  private func row(_ id: String, _ name: String, _ version: String, isActive: Bool = true) -> CatalogRuntime {
    CatalogRuntime(
      id: id, name: name, runtimeVersion: version, displayName: id, isActive: isActive, origin: .builtIn, os: [.debian],
      changed: false, version: 1)
  }

  @Test func `a language is what the system has, else its newest version that is offered`() {
    let rows = [
      row("python-3.9", "python", "3.9"), row("python-system", "python", "system"), row("go-1.9", "go", "1.9"),
      row("go-1.24", "go", "1.24"), row("go-1.25", "go", "1.25", isActive: false),
      row("iis-1", "iis", "1", isActive: false),
    ]
    #expect(RuntimeFinder.choose("python", of: rows)?.id == "python-system")
    #expect(RuntimeFinder.choose("python-3.9", of: rows)?.id == "python-3.9")
    #expect(RuntimeFinder.choose("go", of: rows)?.id == "go-1.24")
    #expect(RuntimeFinder.choose("go-1.25", of: rows)?.id == "go-1.25")
    #expect(RuntimeFinder.choose("iis", of: rows) == nil)
    #expect(RuntimeFinder.choose("cobol", of: rows) == nil)
  }

  @Test func `versions compare by their numbers`() {
    #expect(RuntimeFinder.isOlder("3.9", "3.13"))
    #expect(RuntimeFinder.isOlder("1.24", "1.24.1"))
    #expect(RuntimeFinder.isOlder("22-lts", "24"))
    #expect(!RuntimeFinder.isOlder("10", "9"))
    #expect(!RuntimeFinder.isOlder("1.0", "1.0"))
  }
}
