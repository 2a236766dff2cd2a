import BerthProtocol
import Glibc
import TestSupport
import Testing

@testable import Provisioning

/// mise's provider with an archive of a mise that only seems to be one.
@Suite struct MiseTests {
  /// A mise that installs a program which tells its version.
  private static let mise = """
    #!/bin/sh
    verb=$1; shift
    case $verb in
      install)
        for tool in "$@"; do
          name=${tool%@*} version=${tool#*@}
          case $name in broken) echo 'mise ERROR no versions found for broken' >&2; exit 1 ;; esac
          mkdir -p "$MISE_DATA_DIR/installs/$name/$version/bin" "$HOME/.litter"
          printf '#!/bin/sh\\necho "%s %s.7 given $*"\\n' "$name" "$version" >"$MISE_DATA_DIR/installs/$name/$version/bin/$name"
          chmod 755 "$MISE_DATA_DIR/installs/$name/$version/bin/$name"
        done ;;
      exec)
        for tool in "$@"; do
          [ "$tool" != -- ] || break
          PATH="$MISE_DATA_DIR/installs/${tool%@*}/${tool#*@}/bin:$PATH"
        done
        export PATH
        env ;;
    esac
    """

  private func machine() throws -> ScriptMachine {
    let machine = try ScriptMachine()
    try StandIns.put(.alpine, on: machine)
    try machine.folder.write("archive/mise/bin/mise", Self.mise)
    try machine.folder.shell(
      """
      chmod 755 archive/mise/bin/mise
      mkdir -p releases/v1.0
      for platform in linux-x64 linux-arm64 linux-x64-musl linux-arm64-musl; do
        tar -C archive -czf "releases/v1.0/mise-v1.0-$platform.tar.gz" mise
      done
      """)
    return machine
  }

  private func recipe(_ machine: ScriptMachine, tool: String = "zig", sums: [String]? = nil) throws -> Recipe {
    let sum = try machine.folder.shell("sha256sum releases/v1.0/*-linux-*.tar.gz").split(separator: "\n").map { line in
      let platform = line.split(separator: "/").last?.dropFirst("mise-v1.0-".count).prefix { $0 != "." } ?? ""
      return "\(platform) \(line.prefix(64))"
    }
    let providers = try Catalog.builtIn().providers
    let provider = try #require(providers["mise"])
    var values = provider.parameters.compactMapValues(\.standard)
    values["tool"] = .text(tool)
    values["also"] = .list(["helper@2"])
    values["asks"] = .list([tool, "--version"])
    values["commands"] = .list([tool, "sh"])
    values["release"] = .text("1.0")
    values["address"] = .text("file://\(machine.folder.path)/releases")
    values["sums"] = .list(sums ?? sum)
    return Recipe(
      row: "\(tool)-0.15", displayName: tool, version: "0.15", runtime: nil, family: .alpine, provider: provider,
      values: values, providers: providers)
  }

  @Test(.enabled(if: Machine.has("curl")), arguments: PackageManagerTests.shells)
  func aVersionIsInstalledIntoAFolderOfItsOwnAndTakenAwayWhole(shell: String) throws {
    let machine = try machine()
    let recipe = try recipe(machine)
    #expect(try machine.run(recipe.script(.probe), shell: shell).records == ["absent"])
    let installed = try machine.run(recipe.script(.install), shell: shell)
    #expect(installed.status == 0, "\(installed.text)")
    let path = machine.folder.path
    #expect(installed.records == ["path \(path)/links/zig", "path \(path)/opt/zig-0.15"])
    #expect(try machine.run(recipe.script(.verify), shell: shell).records == ["version 0.15.7"])
    #expect(try machine.run(recipe.script(.probe), shell: shell).records == ["present 0.15.7"])
    #expect(try machine.folder.shell("links/zig 'a  b'") == "zig 0.15.7 given a  b\n")
    #expect(try machine.folder.shell("opt/zig-0.15/bin/helper") == "helper 2.7 given \n")
    // Nothing outside, and nothing of what was needed for the installation only.
    #expect(try machine.folder.shell("ls -A home opt/zig-0.15") == "home:\n\nopt/zig-0.15:\nbin\ncomplete\nmise\n")
    // A name that another program has gets no link.
    #expect(access("\(path)/links/sh", F_OK) != 0)

    let again = try machine.run(recipe.script(.install), shell: shell)
    #expect(again.status == 0)
    #expect(again.records == installed.records)

    let removed = try machine.run(recipe.script(.remove), shell: shell, recorded: installed)
    #expect(removed.status == 0, "\(removed.text)")
    #expect(removed.records.isEmpty)
    #expect(try machine.folder.shell("ls -A links; ls -A | grep -x opt || :") == "")
  }

  @Test(.enabled(if: Machine.has("curl"))) func anArchiveThatIsNotTheAnnouncedOneIsNotRun() throws {
    let machine = try machine()
    let sums = ["linux-x64-musl", "linux-arm64-musl"].map { "\($0) \(String(repeating: "0", count: 64))" }
    let recipe = try recipe(machine, sums: sums)
    let outcome = try machine.run(recipe.script(.install))
    #expect(outcome.status == 1)
    #expect(outcome.values("failure").first?.hasPrefix("checksum_mismatch ") == true, "\(outcome.text)")
    // What it left is recorded, so that it can be removed.
    #expect(outcome.values("path") == ["\(machine.folder.path)/opt/zig-0.15"])
    #expect(access("\(machine.folder.path)/opt/zig-0.15/home/mise", F_OK) != 0)
    let removed = try machine.run(recipe.script(.remove), recorded: outcome)
    #expect(removed.status == 0)
    #expect(access("\(machine.folder.path)/opt", F_OK) != 0)
  }

  @Test(.enabled(if: Machine.has("curl"))) func failuresAreTyped() throws {
    let machine = try machine()
    let unknown = try machine.run(try recipe(machine, tool: "broken").script(.install))
    #expect(unknown.values("failure").first?.hasPrefix("version_unavailable ") == true, "\(unknown.records)")
    let recipe = try recipe(machine, tool: "zag")
    try machine.folder.shell("rm -r releases/v1.0")
    let gone = try machine.run(recipe.script(.install))
    #expect(gone.values("failure").first?.hasPrefix("repository_unreachable ") == true, "\(gone.records)")
  }

  @Test func aVersionThatIsThereAlreadyIsLeftAsItIs() throws {
    let machine = try machine()
    try machine.program("zig", "echo 0.15.2")
    let recipe = try recipe(machine)
    #expect(try machine.run(recipe.script(.probe)).records == ["present 0.15.2"])
    let installed = try machine.run(recipe.script(.install))
    #expect(installed.status == 0)
    #expect(installed.records.isEmpty)
    try machine.program("zig", "echo 0.150.1")
    #expect(try machine.run(recipe.script(.probe)).records == ["absent"])
  }
}
