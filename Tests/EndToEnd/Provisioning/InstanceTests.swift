import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform
import TestSupport
import Testing

/// Remote machines, through the real executable and a real SSH server.
@Suite(.enabled(if: TestMachine.isInstalled)) struct InstanceTests {
  @Test func `a probe tells what the machine is, and how each user becomes root`() throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    let found: [(TestMachine.User, BerthProtocol.Elevation)] = [
      (.root, .root), (.admin, .sudo), (.banner, .sudo), (.carol, .sudoPassword), (.plain, .none),
    ]
    for (user, elevation) in found {
      try home.add(machine, as: user, name: user.rawValue, key: nil, secrets: ["password": .string(user.password)])
      let facts = try #require(try home.probe(user.rawValue).instance.facts)
      #expect(facts.elevation == elevation)
      #expect(facts.user == user.rawValue)
      #expect(facts.hostName == machine.name)
      #expect(facts.os.family == .debian)
      #expect(facts.libc == "glibc")
      #expect(facts.memoryBytes > 0 && facts.diskBytes > facts.diskFreeBytes && facts.cpus > 0)
    }
    // The session is kept.
    #expect(try home.probe("root").connectMs == 0)
  }

  @Test func `an unknown host key is refused, and exactly the one that was meant is accepted`() throws {
    let machine = try TestMachine { $0.hostKeys = [.ed25519] }
    let home = try ProvisioningHome()
    try home.add(machine, policy: .strict)
    let unknown = try #require(home.refusal(InstanceProbe.self, .init(instance: "machine")))
    #expect(unknown.type == .hostKeyUnknown)
    let fingerprint = try machine.fingerprint()
    #expect(unknown.data?["fingerprint"]?.stringValue == fingerprint)
    let other = home.refusal(InstanceAcceptHostKey.self, .init(instance: "machine", fingerprint: "SHA256:another"))
    #expect(other?.type == .hostKeyMismatch)
    _ = try home.client.request(InstanceAcceptHostKey.self, .init(instance: "machine", fingerprint: fingerprint))
    #expect(try home.probe().instance.hostKey?.fingerprint == fingerprint)
    // Once more it is nothing new, and another is as wrong as before.
    _ = try home.client.request(InstanceAcceptHostKey.self, .init(instance: "machine", fingerprint: fingerprint))
    let wrong = home.refusal(InstanceAcceptHostKey.self, .init(instance: "machine", fingerprint: "SHA256:another"))
    #expect(wrong?.type == .hostKeyMismatch)
    // It is known after a restart, and a changed one is refused whatever the policy.
    try home.crash()
    #expect(try home.probe().instance.status == .ready)
    try machine.replaceHostKey()
    _ = try home.client.request(InstanceUpdate.self, .init(instance: "machine", hostKeyPolicy: .tofu))
    #expect(home.refusal(InstanceProbe.self, .init(instance: "machine"))?.type == .hostKeyChanged)
    let new = try machine.fingerprint()
    #expect(
      home.refusal(InstanceAcceptHostKey.self, .init(instance: "machine", fingerprint: new))?.type == .hostKeyChanged)
    _ = try home.client.request(
      InstanceAcceptHostKey.self, .init(instance: "machine", fingerprint: new, replace: true))
    #expect(try home.probe().instance.hostKey?.fingerprint == new)
  }

  @Test func `who is not let in learns what was tried, and no secret is seen anywhere`() throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    let wrong = "wrong-password-4711"
    try home.add(
      machine, as: .carol, key: nil, secrets: ["password": .string(wrong), "sudoPassword": "sudo-secret-0815"])
    let refused = try #require(home.refusal(InstanceProbe.self, .init(instance: "machine")))
    #expect(refused.type == .authFailed)
    #expect(refused.data?["tried"]?.arrayValue?.isEmpty == false)
    #expect(refused.data?["offered"]?.arrayValue?.contains("password") == true)
    let instance = try home.client.request(InstanceGet.self, .init(instance: "machine"))
    #expect(instance.status == .unreachable && instance.fault?.type == "auth_failed")
    #expect(instance.secrets == [.password, .sudoPassword])
    let answers = instance.jsonString + (refused.data?.jsonString ?? "") + refused.message
    #expect(!answers.contains(wrong) && !answers.contains("sudo-secret-0815"))
    _ = home.server.terminate()
    for file in try Self.files(below: home.server.home.path) {
      let bytes = try SmallFile.read(file) ?? []
      #expect(bytes.firstRange(of: Array(wrong.utf8)) == nil, "\(file)")
      #expect(bytes.firstRange(of: Array("sudo-secret-0815".utf8)) == nil, "\(file)")
    }
  }

  private static func files(below folder: String) throws -> [String] {
    try Directory(path: folder).entries().flatMap { entry -> [String] in
      let path = folder + "/" + entry.name.string
      var info = stat()
      guard lstat(path, &info) == 0 else { return [] }
      switch info.st_mode & S_IFMT {
      case S_IFDIR: return try files(below: path)
      case S_IFREG: return [path]
      default: return []
      }
    }
  }

  @Test(arguments: [
    (TestMachine.Key.ed25519, nil as String?), (.ecdsa, nil), (.encrypted, TestMachine.Key.encrypted.passphrase),
  ]) func `keys let in, with their passphrase where they have one`(
    key: TestMachine.Key, passphrase: String?
  ) throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    try home.add(machine, key: key, secrets: passphrase.map { ["passphrase": .string($0)] })
    #expect(try home.probe().instance.status == .ready)
    // And as a text that is kept.
    let text = try #require(try SmallFile.read(key.path).map { String(decoding: $0, as: UTF8.self) })
    var secrets: JSONObject = ["privateKey": .string(text)]
    if let passphrase { secrets["passphrase"] = .string(passphrase) }
    try home.add(machine, name: "by-text", key: nil, secrets: secrets)
    #expect(try home.probe("by-text").instance.secrets.contains(.privateKey))
  }

  @Test func `what can't be reached is told apart`() throws {
    let home = try ProvisioningHome(["connectSeconds": 1])
    let port = try ListeningSocket().port
    let silent = try ListeningSocket()
    func add(_ name: String, _ host: String, _ port: Int) throws {
      _ = try home.client.request(
        InstanceCreate.self,
        .init(host: host, name: name, port: port, user: "root", useAgent: false, useConfig: false))
    }
    try add("nowhere", "nowhere.invalid", 22)
    try add("closed", "127.0.0.1", port)
    try add("silent", "127.0.0.1", silent.port)
    #expect(home.refusal(InstanceProbe.self, .init(instance: "nowhere"))?.type == .dnsFailed)
    #expect(home.refusal(InstanceProbe.self, .init(instance: "closed"))?.type == .connectRefused)
    #expect(home.refusal(InstanceProbe.self, .init(instance: "silent"))?.type == .connectTimeout)
  }

  @Test func `a machine behind another is reached through it, and never past it`() throws {
    let (bastion, machine) = (try TestMachine(), try TestMachine())
    let home = try ProvisioningHome(["connectSeconds": 3])
    _ = try home.client.request(
      InstanceCreate.self,
      .init(
        host: "127.0.0.1", name: "far", port: machine.port, user: "admin",
        identityFile: TestMachine.Key.ed25519.path, useAgent: false, useConfig: false,
        proxyJump: "root@127.0.0.1:\(bastion.port)", hostKeyPolicy: .tofu))
    #expect(try home.probe("far").instance.facts?.hostName == machine.name)
    bastion.stopServer()
    bastion.cutLines()
    let refused = try #require(home.refusal(InstanceProbe.self, .init(instance: "far")))
    #expect(refused.type == .connectRefused || refused.type == .sshFailed, "\(refused)")
    for odd in ["a:b", "bad:host:x", "-oProxyCommand=x", "user@", ""] {
      let params = InstanceUpdate.Params(instance: "far", proxyJump: odd)
      let type = home.refusal(InstanceUpdate.self, params)?.type
      #expect(type == .invalidArgument || type == .invalidParams, "\(odd)")
    }
  }

  // MARK: Running commands

  @Test func `a command's outputs, input and end are told`() throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    try home.add(machine, as: .banner, key: .ed25519)
    let job = try home.exec("cat; echo error >&2; printf 'no end'; exit 7", input: "one\ntwo\n")
    #expect(job.state == .succeeded && job.result?["exitCode"] == 7)
    // The greeting as with `ssh` itself: once.
    #expect(try home.output(job.id, .stdout) == TestMachine.greeting + "one\ntwo\nno end")
    #expect(try home.output(job.id, .stderr).contains("error\n"))
    #expect(try home.exec("kill -KILL $$").result?["signal"] == "KILL")
    let root = try home.exec("id -un; cat", input: "as root\n", elevate: true)
    #expect(try home.output(root.id, .stdout) == "root\nas root\n")
  }

  @Test func `a password for sudo is asked for unseen, and masked`() throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    let password = TestMachine.User.carol.password
    try home.add(machine, as: .carol, key: nil, secrets: ["password": .string(password)])
    let job = try home.exec("id -un; echo \(password); tr '\\0' ' ' </proc/$PPID/cmdline", elevate: true)
    let output = try home.output(job.id, .stdout)
    #expect(output.hasPrefix("root\n"))
    #expect(!output.contains(password))
    try home.add(machine, as: .plain, name: "plain")
    #expect(try home.exec("true", on: "plain", elevate: true).error?.type == "sudo_required")
  }

  @Test(arguments: [TestMachine.User.root, .admin]) func `a cancelled command and all it has started are ended`(
    user: TestMachine.User
  ) throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    try home.add(machine, as: user)
    for script in [
      "sleep 4711 & sleep 4711", "trap '' TERM; while :; do sleep 4711; done", "setsid sleep 4711 & sleep 4711",
      "(setsid sh -c 'trap \"\" TERM; sleep 4711' &); sleep 4711",
    ] {
      let started = try home.client.request(
        InstanceExec.self,
        .init(instance: "machine", command: "echo begun; \(script)", elevate: user != .root))
      try home.until(output: "begun", of: started.job.id)
      let ended = try home.client.request(JobCancel.self, .init(job: started.job.id))
      #expect(ended.state == .cancelled)
      let left = try machine.run("pgrep -f '[s]leep 4711'").output
      #expect(left.isEmpty, "\(script): \(left)")
    }
    let slow = try home.exec("sleep 4711", timeoutSeconds: 0.5)
    #expect(slow.error?.type == "step_timeout")
    #expect(try machine.run("pgrep -f '[s]leep 4711'").output.isEmpty)
  }

  @Test func `a line that is cut is told, and the next command has a new one`() throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    try home.add(machine)
    let started = try home.client.request(
      InstanceExec.self, .init(instance: "machine", command: "echo begun; sleep 60"))
    try home.until(output: "begun", of: started.job.id)
    machine.cutLines()
    let job = try home.job(started.job.id)
    #expect(job.state == .failed && job.error?.type == "ssh_failed")
    #expect(try home.exec("echo again").result?["exitCode"] == 0)
  }

  // MARK: Terminals

  @Test func `a terminal is a shell with input, a size and an end`() throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    try home.add(machine, as: .admin)
    let terminal = try home.client.request(ResourceCreateTerminal.self, .init()).resource
    let started = try home.client.request(
      ConnectionCreate.self,
      .init(source: terminal.id, target: "machine", terminal: TerminalSize(columns: 90, rows: 30)))
    let id = started.connection.id
    #expect(started.connection.status == .connected)
    func text() throws -> String {
      try home.client.request(StreamRead.self, .init(stream: "terminal/\(id)")).events
        .compactMap { $0.payload["text"]?.stringValue }.joined()
    }
    func until(_ wanted: String) throws {
      guard try waits(seconds: 30, { try text().contains(wanted) }) else {
        throw DeadlinePassed(description: "“\(wanted)” has not come, but: \(try text())")
      }
    }
    _ = try home.client.request(ConnectionInput.self, .init(connection: id, text: "stty size; echo $((40+2))ü\r"))
    try until("30 90")
    try until("42ü")
    _ = try home.client.request(
      ConnectionResize.self, .init(connection: id, terminal: TerminalSize(columns: 120, rows: 50)))
    _ = try home.client.request(ConnectionInput.self, .init(connection: id, text: "stty size; exit 9\r"))
    try until("50 120")
    #expect(try waits(seconds: 10) { try home.connection(id).status == .disconnected })
    #expect(try home.connection(id).connectionDetails.exitCode == 9)
    #expect(home.refusal(ConnectionInput.self, .init(connection: id, text: "x"))?.type == .connectionState)
    // A server that dies takes its shells along.
    let second = try home.client.request(ConnectionCreate.self, .init(source: terminal.id, target: "machine"))
    try home.crash()
    #expect(try home.connection(second.connection.id).status == .disconnected)
    #expect(try waits(seconds: 20) { try machine.run("pgrep -u admin bash").output.isEmpty })
  }

  @Test func `an instance that is connected is not forgotten, and nothing is left of one that is`() throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    try home.add(machine, as: .admin, secrets: ["password": "berth-admin"])
    let terminal = try home.client.request(ResourceCreateTerminal.self, .init(name: "shell")).resource
    let started = try home.client.request(ConnectionCreate.self, .init(source: terminal.id, target: "machine"))
    let refused = home.refusal(InstanceDelete.self, .init(instance: "machine"))
    #expect(refused?.type == .resourceConnected)
    #expect(refused?.message.contains("shell") == true)
    #expect(refused?.data?["connections"]?.arrayValue == [.string(started.connection.id)])
    #expect(try home.disconnect(started.connection.id).status == .disconnected)
    _ = try home.client.request(InstanceDelete.self, .init(instance: "machine"))
    #expect(home.refusal(InstanceGet.self, .init(instance: "machine"))?.type == .instanceNotFound)
    // The name is free again.
    try home.add(machine)
  }
}
