import Glibc
import Platform
import TestSupport
import Testing

/// What the other tests rely on in the machines that they start.
@Suite(.enabled(if: TestMachine.isInstalled), .timeLimit(.minutes(5)))
struct TestMachineTests {
  @Test func aMachineIsOneOfItsOwn() throws {
    let machines = try [TestMachine(), TestMachine()]
    #expect(try machines.map { try $0.shell("uname -n") } == machines.map { $0.name + "\n" })
    #expect(try machines[0].hostKey() != machines[1].hostKey())
    try machines[0].shell("echo here >/root/file")
    #expect(try machines[1].run("cat /root/file").status == 1)
    // It sees its own processes, and no mounts but its own.
    #expect(try machines[0].shell("cat /proc/1/comm; test -c /dev/null; test -d /sys/class") == "sh\n")
    #expect(try machines[0].shell("cut -d ' ' -f 2 /proc/mounts").split(separator: "\n").contains("/"))
    #expect(try !machines[0].shell("cat /proc/mounts").contains("berth"))
  }

  @Test(arguments: TestMachine.Key.allCases) func aKeyOpensIt(_ key: TestMachine.Key) throws {
    let machine = try TestMachine()
    for user in TestMachine.User.allCases where user != .banner {
      let client = try OpenSSHClient(machine)
      #expect(try client.run("id -un", as: user, key: key) == "\(user.rawValue)\n")
    }
  }

  @Test func aPasswordOpensItAndWhatEachMayDoIsAsAgreed() throws {
    let machine = try TestMachine()
    let client = try OpenSSHClient(machine)
    #expect(try client.run("id -u", as: .root) == "0\n")
    #expect(try client.run("sudo -n id -u", as: .admin) == "0\n")
    #expect(try client.run("sudo -n id -u || echo $?", as: .carol) == "1\n")
    #expect(try client.run("echo \(TestMachine.User.carol.password) | sudo -S -p '' id -u", as: .carol) == "0\n")
    #expect(
      try client.run("echo \(TestMachine.User.plain.password) | sudo -S -p '' id -u || echo $?", as: .plain) == "1\n")
    #expect(try client.run("sudo -n id -u", as: .banner) == TestMachine.greeting + "0\n")
  }

  @Test func settingsAreTaken() throws {
    let machine = try TestMachine {
      $0.addresses = ["127.0.0.1", "127.0.0.9"]
      $0.server = ["PasswordAuthentication no", "MaxStartups 3"]
      $0.hostKeys = [.ecdsa]
      $0.osRelease = "ID=alpine\n"
      $0.diskBytes = 256 << 20
      $0.reachesPackages = false
    }
    let client = try OpenSSHClient(machine)
    #expect(
      try client.run(". /etc/os-release; echo $ID", as: .plain, key: .ed25519, address: "127.0.0.9") == "alpine\n")
    #expect(throws: ShellFailure.self) { try client.run("true", as: .plain) }
    try machine.fillDisk()
    #expect(try machine.run("echo text >/root/file").status != 0)
    try machine.makeRoom()
    try machine.shell("echo text >/root/file")
    let outcome = try machine.run("apt-get install -y --no-install-recommends tree")
    #expect(outcome.status == 100 && outcome.errors.contains("Connection refused"), "\(outcome)")
  }

  @Test func packagesAreLockedAsLongAsTheLockIsHeld() throws {
    let machine = try TestMachine()
    let install = "apt-get -o DPkg::Lock::Timeout=0 install -y sudo"
    var lock: TestMachine.PackageLock? = try machine.lockPackages()
    #expect(try machine.run(install).errors.contains("Could not get lock"))
    #expect(lock != nil)
    lock = nil
    try machine.shell(install)
  }

  @Test func anInventoryTellsWhatHasChanged() throws {
    let machine = try TestMachine()
    let before = try machine.inventory()
    #expect(before.entries["package sudo:amd64"] ?? before.entries["package sudo:arm64"] != nil)
    try machine.shell("cp -p /etc/motd /root/motd; echo more >>/etc/motd; useradd -M dave; mkdir /opt/folder")
    let changes = before.differences(to: try machine.inventory())
    for name in ["content /etc/motd", "file /opt/folder", "account dave", "group dave"] {
      #expect(changes.contains { $0.hasPrefix(name + ":") }, "\(name) is not among \(changes)")
    }
    try machine.shell("cat /root/motd >/etc/motd; rm /root/motd; userdel dave; rmdir /opt/folder")
    #expect(before.differences(to: try machine.inventory()) == [])
    // What a package manager brings and takes away again leaves nothing either.
    try machine.shell("apt-get install -y --no-install-recommends tree")
    #expect(before.differences(to: try machine.inventory()).contains { $0.hasPrefix("file /usr/bin/tree:") })
    try machine.shell("apt-get purge -y tree")
    #expect(before.differences(to: try machine.inventory()) == [])
  }

  @Test func linesAreCutAndAServerHangs() throws {
    let machine = try TestMachine()
    let client = try OpenSSHClient(machine)
    let cut = try client.start("echo there; sleep 1000", as: .root)
    #expect(try String(decoding: cut.output.readSome(), as: UTF8.self) == "there\n")
    machine.cutLines()
    #expect(cut.process.wait() == 255)
    #expect(try machine.run("grep -z -q '^1000$' /proc/[0-9]*/cmdline").status == 0, "what runs goes on")

    let frozen = try client.start("read line; echo $line; sleep 1000", as: .root)
    #expect(waits { machine.sessions.count > 0 })
    machine.freeze(listener: true)
    let late = try client.start("echo late", as: .root)
    #expect(!waits(seconds: 0.3) { late.process.endedWith != nil })
    machine.thaw()
    #expect(late.process.wait() == 0)
    frozen.process.send(SIGKILL)
    frozen.process.wait()
  }

  @Test func hostKeysAreReplacedAndAMachineIsRestarted() throws {
    let machine = try TestMachine()
    let (key, print) = (try machine.hostKey(), try machine.fingerprint())
    try machine.shell("echo kept >/root/kept; sleep 1000 </dev/null >/dev/null 2>&1 &")
    try machine.replaceHostKey()
    #expect(try machine.hostKey() != key && machine.fingerprint() != print)
    #expect(throws: ShellFailure.self) { try OpenSSHClient(machine, hostKey: key).run("true", as: .root) }
    try machine.restart()
    #expect(try OpenSSHClient(machine).run("cat kept", as: .root) == "kept\n")
    #expect(try machine.run("grep -z -q '^1000$' /proc/[0-9]*/cmdline").status != 0)
  }

  @Test func whoIsLeftBehindIsWaitedFor() throws {
    let machine = try TestMachine()
    try machine.shell("(sleep 0.1 & echo $! >/root/pid) >/dev/null 2>&1 &")
    #expect(try waits { try machine.run("kill -0 $(cat /root/pid)").status != 0 })
  }

  @Test func nothingIsLeft() throws {
    let mounts = try SmallFile.read("/proc/self/mounts")
    var machine: TestMachine? = try TestMachine()
    try machine?.shell("setsid sleep 1000 </dev/null >/dev/null 2>&1 &")
    let processes = machine?.processes ?? []
    #expect(processes.count > 3)
    machine = nil
    #expect(processes.allSatisfy { kill($0, 0) != 0 })
    #expect(try SmallFile.read("/proc/self/mounts") == mounts)
  }
}

extension OwnedDescriptor {
  /// What comes first.
  fileprivate func readSome() throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = try bytes.withUnsafeMutableBytes { try read(into: $0) }
    return Array(bytes[..<count])
  }
}
