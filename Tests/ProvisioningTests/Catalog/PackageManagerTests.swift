import BerthProtocol
import Glibc
import TestSupport
import Testing

@testable import Provisioning

/// The whole life of a recipe with a package manager that only seems to be there.
@Suite struct PackageManagerTests {
  static let families = OSFamily.allCases.filter { $0 != .debian }
  static let shells = ["dash", "busybox sh", "bash --posix"].filter { Machine.has(String($0.prefix { $0 != " " })) }

  private func recipe(on family: OSFamily) throws -> Recipe {
    let catalog = try Catalog.builtIn()
    let runtime = try #require(catalog.runtime("node", "system"))
    let server = try #require(catalog.server("node", "nginx"))
    return try #require(catalog.recipe(for: server, of: runtime, on: family))
  }

  @Test(arguments: families, shells)
  func installRecordsWhatItBroughtAndRemoveTakesJustThat(family: OSFamily, shell: String) throws {
    // It has programs of its own for some, and takes them before those of the machine.
    if shell.hasPrefix("busybox"), family != .alpine { return }
    let recipe = try recipe(on: family)
    let machine = try ScriptMachine()
    try StandIns.put(family, on: machine)
    try machine.folder.write("installed", "base\n")

    let absent = try machine.run(recipe.script(.probe), shell: shell)
    #expect(absent.records == ["absent"])
    #expect(absent.status == 0)
    let planned = try machine.run("BERTH_PLAN=1\n" + recipe.script(.probe), shell: shell)
    #expect(planned.records == ["absent", "would-package nginx"])

    let installed = try machine.run(recipe.script(.install), shell: shell)
    #expect(installed.status == 0, "\(installed.text)")
    #expect(installed.values("uses-package") == ["nginx"])
    #expect(installed.values("package") == ["libnginx", "nginx"])
    #expect(installed.values("path") == ["\(machine.folder.path)/opt/node-system-nginx"])

    let verified = try machine.run(recipe.script(.verify), shell: shell)
    #expect(verified.records == ["version 1.28.0"])
    let present = try machine.run(recipe.script(.probe), shell: shell)
    #expect(present.records == ["present 1.28.0", "uses-package nginx"])

    let removed = try machine.run(recipe.script(.remove), shell: shell, recorded: installed)
    #expect(removed.status == 0, "\(removed.text)")
    #expect(removed.records.isEmpty)
    #expect(try machine.folder.read("installed") == "base\n")
    #expect(access("\(machine.folder.path)/opt", F_OK) != 0)

    let again = try machine.run(recipe.script(.remove), shell: shell, recorded: installed)
    #expect(again.status == 0)
    #expect(again.records.isEmpty)
  }

  @Test(arguments: families)
  func whatIsThereAlreadyIsNotInstalledAndNotRecorded(family: OSFamily) throws {
    let recipe = try recipe(on: family)
    let machine = try ScriptMachine()
    try StandIns.put(family, on: machine)
    try machine.folder.write("installed", "nginx\nlibnginx\n")
    try machine.folder.shell("mkdir -p cellar/nginx/1.28.0")
    let installed = try machine.run(recipe.script(.install))
    #expect(installed.status == 0, "\(installed.text)")
    #expect(installed.records == ["uses-package nginx"])
    let changing = ["apk --wait", "apk add", "dnf", "pacman -S", "brew install", "brew update"]
    #expect(try machine.calls.filter { call in changing.contains { call.hasPrefix($0) } } == [])
  }

  @Test(arguments: families)
  func aPackageThatAnotherOneNeedsStaysAndIsTold(family: OSFamily) throws {
    let recipe = try recipe(on: family)
    let machine = try ScriptMachine()
    try StandIns.put(family, on: machine)
    let installed = try machine.run(recipe.script(.install))
    try machine.folder.write("held", "libnginx another\n")
    try machine.folder.shell("echo another >>installed")
    let removed = try machine.run(recipe.script(.remove), recorded: installed)
    #expect(removed.status == 0, "\(removed.text)")
    let kept = removed.values("kept")
    #expect(kept.count == 1)
    #expect(kept.first?.hasPrefix("libnginx ") == true)
    #expect(kept.first?.hasSuffix("needs it") == true)
    #expect(try machine.folder.read("installed") == "libnginx\nanother\n")
  }

  @Test func whatACutAttemptBroughtIsRecordedByTheNextOne() throws {
    let recipe = try recipe(on: .alpine)
    let machine = try ScriptMachine()
    try StandIns.put(.alpine, on: machine)
    try machine.folder.write("installed", "base\n")
    // The line broke and the power went: lists were taken, packages came, and nothing was told.
    let cut = recipe.script(.install).replacing(
      "with_packages add_packages\n", with: "with_packages add_packages\nkill -9 $$\n")
    let first = try machine.run(cut)
    #expect(first.status != 0)
    #expect(first.values("package").isEmpty)
    let second = try machine.run(recipe.script(.install))
    #expect(second.status == 0)
    #expect(second.values("package") == ["libnginx", "nginx"])
  }

  @Test func whatACancelledAttemptBroughtIsRecorded() throws {
    let recipe = try recipe(on: .alpine)
    let machine = try ScriptMachine()
    try StandIns.put(.alpine, on: machine)
    let cancelled = recipe.script(.install).replacing(
      "with_packages add_packages\n", with: "with_packages add_packages\nkill -TERM $$\nsleep 5\n")
    let outcome = try machine.run(cancelled)
    #expect(outcome.status == 143)
    #expect(outcome.values("package") == ["libnginx", "nginx"])
  }

  @Test func aPathThatIsNotOursIsKept() throws {
    let recipe = try recipe(on: .alpine)
    let machine = try ScriptMachine()
    try StandIns.put(.alpine, on: machine)
    try machine.folder.write("precious", "data")
    let path = machine.folder.path
    var recorded = ScriptMachine.Outcome(records: [], status: 0, text: "")
    recorded.records = [
      "path \(path)/precious", "path \(path)/opt/node-system-nginx/../../precious", "path /", "path /etc",
    ]
    let removed = try machine.run(recipe.script(.remove), recorded: recorded)
    #expect(removed.values("kept").count == 4)
    #expect(try machine.folder.read("precious") == "data")
  }

  @Test(
    arguments: [
      ("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1", "package_lock_busy"),
      ("E: You don't have enough free space in /var/cache/apt/archives/.", "no_space"),
      ("dpkg: error: write failed: No space left on device", "no_space"),
      ("E: Unable to locate package nginx", "version_unavailable"),
      ("E: Failed to fetch http://x/y  Temporary failure resolving 'x'", "repository_unreachable"),
      ("E: Failed to fetch http://x/y  Hash Sum mismatch", "checksum_mismatch"),
      ("E: Sub-process /usr/bin/dpkg returned an error code (1)", "command_failed"),
    ])
  func failuresOfAptAreTyped(message: String, type: String) throws {
    let recipe = try recipe(on: .debian)
    let machine = try ScriptMachine()
    try machine.folder.write("message", message)
    try machine.program("dpkg-query", "exit 1")
    try machine.program("apt-get", "cat '\(machine.folder.path)/message' >&2; exit 100")
    let outcome = try machine.run(recipe.script(.install))
    #expect(outcome.status == 1)
    let failure = outcome.values("failure")
    #expect(failure.count == 1)
    #expect(failure.first?.hasPrefix("\(type) ") == true, "\(failure)")
  }
}
