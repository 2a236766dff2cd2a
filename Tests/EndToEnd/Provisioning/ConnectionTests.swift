import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform
import TestSupport
import Testing

/// Runtimes that are installed on real machines, and taken away again.
@Suite(.enabled(if: TestMachine.isInstalled), .serialized) struct ConnectionTests {
  @Test func `a runtime and its server are installed, verified, and taken away without a trace`() throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    try home.add(machine, as: .carol, key: nil, secrets: ["password": .string(TestMachine.User.carol.password)])
    _ = try home.probe()
    let before = try machine.inventory()
    let source = try home.runtime("python-system", server: "gunicorn")
    let plan = try home.client.request(ConnectionPlan.self, .init(target: "machine", source: source.id))
    #expect(plan.changes && plan.steps.map(\.step) == [.installRuntime, .installServer, .verify])
    // The same without a resource.
    var unnamed = try home.client.request(
      ConnectionPlan.self, .init(target: "machine", runtimeId: "python-system", applicationServer: "gunicorn"))
    unnamed.source = plan.source
    #expect(unnamed.steps == plan.steps)
    try expectUnchanged(machine, since: before)

    let connection = try home.connect(source)
    #expect(connection.status == .connected, "\(connection)")
    let details = connection.connectionDetails
    #expect(try machine.shell("python3 --version").contains(details.runtime?.installedVersion ?? "?"))
    #expect(try machine.shell("gunicorn --version").contains(details.server?.installedVersion ?? "?"))
    #expect(details.runtime?.changes.packages.contains("python3") == true)
    // As it was planned.
    for (part, step) in zip([details.runtime, details.server], plan.steps) {
      let brought = part?.changes.packages.map { String($0.prefix { $0 != ":" }) }
      #expect(brought?.sorted() == step.packages?.sorted())
    }
    let after = try machine.inventory()

    // A second time, nothing is done.
    let again = try home.client.request(ConnectionCreate.self, .init(source: source.id, target: "machine"))
    #expect(!again.created && again.connection.id == connection.id)
    #expect(try home.client.request(ConnectionVerify.self, .init(connection: connection.id)).matches)
    let second = try home.connect(try home.runtime("python-system", name: "second"))
    #expect(second.connectionDetails.runtime?.foundVersion == details.runtime?.installedVersion)
    #expect(second.connectionDetails.runtime?.changes.packages == [])
    try expectUnchanged(machine, since: after)

    // What another connection uses stays for it.
    #expect(try home.disconnect(connection.id).status == .disconnected)
    #expect(try machine.run("gunicorn --version").status != 0)
    #expect(try machine.run("python3 --version").status == 0)
    #expect(try home.disconnect(second.id).status == .disconnected)
    try expectUnchanged(machine, since: before)
  }

  @Test func `a server is added and removed by an update, and drift is found`() throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    try home.add(machine, as: .admin)
    _ = try home.probe()  // sudo notes its first use in the home folder.
    let before = try machine.inventory()
    let source = try home.runtime("perl-system")
    let connection = try home.connect(source)
    #expect(connection.status == .connected, "\(connection)")
    _ = try home.client.request(ResourceUpdate.self, .init(resource: source.id, applicationServer: "starman"))
    let updated = try home.client.request(
      ConnectionUpdate.self, .init(connection: connection.id, waitSeconds: 600)
    ).connection
    #expect(updated.status == .connected && updated.connectionDetails.server?.installedVersion != nil, "\(updated)")
    try machine.shell("DEBIAN_FRONTEND=noninteractive apt-get purge -y starman")
    let drift = try home.client.request(ConnectionVerify.self, .init(connection: connection.id))
    #expect(!drift.matches && drift.differences.map(\.part) == ["starman"])
    _ = try home.client.request(ResourceUpdate.self, .init(resource: source.id, applicationServer: ""))
    let without = try home.client.request(
      ConnectionUpdate.self, .init(connection: connection.id, waitSeconds: 600)
    ).connection
    #expect(without.status == .connected && without.connectionDetails.server == nil, "\(without)")
    #expect(try home.disconnect(connection.id).status == .disconnected)
    try expectUnchanged(machine, since: before)
  }

  // MARK: Cuts

  @Test func `a server that is killed or stopped leaves the work to the next one`() throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    try home.add(machine, as: .admin)
    _ = try home.probe()  // sudo notes its first use in the home folder.
    let before = try machine.inventory()
    let source = try home.runtime("ruby-system")
    let started = try home.begin(source)
    for (step, leave) in [
      (ConnectionStep.probe, home.crash), (.installRuntime, home.crash), (.installRuntime, home.restart),
      (.verify, home.crash),
    ] {
      try home.until(started.connection.id, step)
      try leave()
      let old = try home.job(started.job?.id ?? "", waitSeconds: 0)
      #expect(old.state == .interrupted || old.state == .succeeded)
    }
    let connection = try home.connection(started.connection.id, waitSeconds: 300)
    #expect(connection.status == .connected, "\(connection)")
    #expect(connection.connectionDetails.runtime?.changes.packages.contains("ruby") == true)
    #expect(try machine.shell("ruby --version; ls -A /var/lib/berth 2>/dev/null || true").hasPrefix("ruby "))
    let removing = try home.client.request(ConnectionDelete.self, .init(connection: connection.id))
    try home.until(removing.connection.id, .removeRuntime)
    try home.crash()
    #expect(try home.connection(connection.id, waitSeconds: 300).status == .disconnected)
    try expectUnchanged(machine, since: before)
  }

  @Test func `a line that is cut in the middle harms nothing, and nothing is told twice`() throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    try home.add(machine, as: .admin)
    _ = try home.probe()  // sudo notes its first use in the home folder.
    let before = try machine.inventory()
    let started = try home.begin(try home.runtime("ruby-system"))
    let job = try #require(started.job?.id)
    try home.until(output: "Unpacking", of: job)
    machine.cutLines()
    let connection = try home.connection(started.connection.id, waitSeconds: 300)
    #expect(connection.status == .connected, "\(connection)")
    let lines = try home.output(job).split(separator: "\n").filter { $0.hasPrefix("Setting up ") }
    #expect(!lines.isEmpty && Set(lines).count == lines.count)
    #expect(try home.disconnect(connection.id).status == .disconnected)
    try expectUnchanged(machine, since: before)
  }

  @Test func `a machine that is started anew in the middle is found as it is`() throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    try home.add(machine)
    let before = try machine.inventory()
    let started = try home.begin(try home.runtime("ruby-system"))
    try home.until(output: "Unpacking", of: try #require(started.job?.id))
    try machine.restart()
    var connection = try home.connection(started.connection.id, waitSeconds: 300)
    // It may have been done already; else it failed honestly, and goes on when asked to.
    if connection.status == .failed {
      #expect(connection.error?.step == .installRuntime)
      connection = try home.client.request(
        ConnectionRetry.self, .init(connection: connection.id, waitSeconds: 300)
      ).connection
    }
    #expect(connection.status == .connected, "\(connection)")
    #expect(connection.connectionDetails.runtime?.changes.packages.contains("ruby") == true)
    #expect(try home.disconnect(connection.id).status == .disconnected)
    try expectUnchanged(machine, since: before)
  }

  @Test func `a cancelled installation stops on the machine, and what it did is taken away`() throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    try home.add(machine, as: .admin)
    _ = try home.probe()  // sudo notes its first use in the home folder.
    let before = try machine.inventory()
    let started = try home.begin(try home.runtime("ruby-system"))
    let job = try #require(started.job?.id)
    try home.until(output: "Unpacking", of: job)
    #expect(try home.client.request(JobCancel.self, .init(job: job)).state == .cancelled)
    let connection = try home.connection(started.connection.id)
    #expect(connection.status == .failed && connection.error?.type == "cancelled")
    #expect(try machine.run("pgrep -x 'apt-get|dpkg'").output.isEmpty)
    #expect(try home.disconnect(connection.id).status == .disconnected)
    try expectUnchanged(machine, since: before)
  }

  @Test(.enabled(if: SmallDisk.isPossible, "mounting needs the right to"))
  func `where the disk of the server is full, the work goes on as soon as it has room`() throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome(diskBytes: 12 << 20)
    try home.add(machine)
    let before = try machine.inventory()
    let started = try home.begin(try home.runtime("ruby-system"))
    let job = try #require(started.job?.id)
    try home.until(output: "Unpacking", of: job)
    try home.server.disk?.fill()
    // The machine goes on by itself, and the server can write nothing of it down.
    #expect(try waits(seconds: 120) { try machine.run("ruby --version && ! pgrep -x apt-get").status == 0 })
    #expect(try home.client.request(ServerStatus.self, .init()).health == .failing)
    home.server.disk?.makeRoom()
    let connection = try home.connection(started.connection.id, waitSeconds: 300)
    #expect(connection.status == .connected, "\(connection)")
    #expect(connection.connectionDetails.runtime?.changes.packages.contains("ruby") == true)
    #expect(try home.events(job).contains { $0.payload.jsonString.contains("disk was full") })
    #expect(try home.disconnect(connection.id).status == .disconnected)
    try expectUnchanged(machine, since: before)
  }

  // MARK: Faults

  @Test func `what goes wrong on the machine is told by its kind, with the step`() throws {
    let home = try ProvisioningHome(["packageLockSeconds": 1])
    func fails(
      _ machine: TestMachine, as user: TestMachine.User = .root, _ type: String, _ step: ConnectionStep,
      name: String = #function
    ) throws -> ResourceConnection {
      let name = "\(type)-\(machine.port)"
      try home.add(machine, as: user, name: name)
      let connection = try home.connect(try home.runtime("ruby-system"), to: name)
      #expect(connection.status == .failed)
      #expect(connection.error?.type == type, "\(connection)")
      #expect(connection.error?.step == step)
      #expect(connection.errorMessage?.isEmpty == false)
      return connection
    }
    _ = try fails(try TestMachine(), as: .plain, "sudo_required", .installRuntime)
    _ = try fails(try TestMachine { $0.osRelease = "ID=plan9\nPRETTY_NAME=\"Plan 9\"\n" }, "unsupported_os", .probe)
    _ = try fails(
      try TestMachine { $0.reachesPackages = false }, "repository_unreachable", .installRuntime)

    let locked = try TestMachine()
    var lock: TestMachine.PackageLock? = try locked.lockPackages()
    try home.add(locked, name: "locked")
    let waiting = try home.begin(try home.runtime("ruby-system"), to: "locked")
    try home.until(output: "lock", of: try #require(waiting.job?.id))
    _ = lock
    lock = nil
    // A busy package manager is tried again.
    let waited = try home.connection(waiting.connection.id, waitSeconds: 300)
    #expect(waited.status == .connected, "\(waited)")

    let full = try TestMachine { $0.diskBytes = 40 << 20 }
    try full.fillDisk()
    let connection = try fails(full, "instance_no_space", .installRuntime)
    #expect(home.refusal(ConnectionVerify.self, .init(connection: connection.id))?.type == .connectionState)
  }

  @Test func `a connection that can't be undone keeps saying so, until it is forgotten by force`() throws {
    var machine: TestMachine? = try TestMachine()
    let home = try ProvisioningHome(["connectSeconds": 2])
    try home.add(try #require(machine))
    let connection = try home.connect(try home.runtime("perl-system", server: "starman"))
    #expect(connection.status == .connected, "\(connection)")
    machine = nil
    let failed = try home.disconnect(connection.id)
    #expect(failed.status == .failed && failed.error?.type == "connect_refused")
    #expect(failed.connectionDetails.server?.changes.packages.isEmpty == false)
    let forgotten = try home.disconnect(connection.id, force: true)
    #expect(forgotten.status == .disconnected)
    #expect(forgotten.connectionDetails.kept?.isEmpty == false)
  }

  @Test func `work on one machine comes one after the other, and on several side by side`() throws {
    let machines = try (1...3).map { _ in try TestMachine() }
    let home = try ProvisioningHome()
    for (index, machine) in machines.enumerated() { try home.add(machine, name: "m\(index)") }
    let source = try home.runtime("perl-system", server: "starman")
    let started = try (0..<3).map { try home.begin(source, to: "m\($0)") }
    let second = try home.begin(try home.runtime("ruby-system"), to: "m0")
    #expect(try home.job(try #require(second.job?.id), waitSeconds: 0).state == .queued)
    let busy = home.refusal(ConnectionRetry.self, .init(connection: second.connection.id))
    #expect(busy?.type == .connectionBusy)
    #expect(home.refusal(ConnectionDelete.self, .init(connection: second.connection.id))?.type == .connectionBusy)
    for one in started + [second] {
      let connection = try home.connection(one.connection.id, waitSeconds: 600)
      #expect(connection.status == .connected, "\(connection)")
    }
    let jobs = try (started + [second]).map { try home.job(try #require($0.job?.id)) }
    #expect(try #require(jobs[3].startedAt) >= #require(jobs[0].endedAt))
    #expect(try #require(jobs[1].startedAt) < #require(jobs[0].endedAt))
  }
}
