import BerthProtocol
import Documents
import Testing

@testable import Provisioning

private func source(_ text: String, name: String = "own.yaml") -> CatalogSource {
  CatalogSource(name: name, bytes: Array(text.utf8))
}

@Suite struct CatalogFileTests {
  @Test(
    arguments: [
      (
        "runtimes:\n- name: x\n  versions: [{version: 1, recipes: {debian: {provider: npn}}}]\n", "3:56",
        "no provider `npn`"
      ),
      ("runtimes:\n- versions: []\n", "2:3", "`name` is missing"),
      ("runtimes:\n- name: x\n  versoins: []\n", "3:3", "`versoins` is no field"),
      ("runtimes:\n- name: X y\n  versions: []\n", "2:9", "`X y` is no name of a runtime"),
      (
        "servers:\n- {name: s, runtimes: [cobol], recipes: {alpine: {provider: apk, packages: [s]}}}\n", "2:24",
        "no runtime `cobol`"
      ),
      (
        "servers:\n- {name: s, runtimes: [go], recipes: {alpine: {provider: apt, packages: [s]}}}\n", "2:58",
        "does not work on alpine"
      ),
      ("servers:\n- {name: s, runtimes: [go], recipes: {beos: {provider: apt}}}\n", "2:39", "no family of systems"),
      ("servers:\n- {name: s, runtimes: [go], recipes: {debian: {provider: apt}}}\n", "2:47", "`packages` is missing"),
      (
        "servers:\n- {name: s, runtimes: [go], recipes: {debian: {provider: apt, packages: s}}}\n", "2:73",
        "expected a list"
      ),
      (
        "servers:\n- {name: s, runtimes: [go], recipes: {debian: {provider: apt, packages: [s], pkg: 1}}}\n", "2:78",
        "`pkg` is no parameter"
      ),
      (
        "servers:\n- {name: s, runtimes: [go], recipes: {debian: {for: sometimes, provider: apt, packages: [s]}}}\n",
        "2:53", "expected one of"
      ),
      (
        "servers:\n- {name: s, runtimes: [go, go], recipes: {debian: {provider: apt, packages: [s]}}}\n", "2:3",
        "given twice"
      ),
      (
        "servers:\n- {name: s, runtimes: [go], with: {pkgs: []}, recipes: {debian: {provider: apt, packages: [s]}}}\n",
        "2:36", "no provider of the row"
      ),
      ("providers:\n  apt: {}\n", "2:3", "cannot be replaced"),
      ("providers:\n  own: {probe: x}\n", "2:3", "cannot be replaced"),
      ("providers:\n  mine: {families: [debian], probe: 'x'}\n", "2:9", "must have the scripts"),
      ("providers:\n  mine:\n    parameters: {version: {kind: word}}\n", "3:18", "given to every script"),
      (
        "providers:\n  mine: {families: [arch], probe: '#use none.such', install: a, verify: a, remove: a}\n", "2:3",
        "`none.such`"
      ),
      ("runtimes: [\n", "2:1", "not YAML"),
      ("runtimes: {}\nruntimes: {}\n", "2:1", "given twice"),
    ])
  func faultsHaveTheirPlaces(text: String, place: String, message: String) throws {
    var faults: [CatalogFault] = []
    let catalog = try Catalog.builtIn()
    let merged = catalog.merged(with: [source(text)], faults: &faults)
    let fault = try #require(faults.first { $0.message.contains(message) }, "\(faults.map(\.description))")
    #expect(fault.description.hasPrefix("own.yaml:\(place): "), "\(fault)")
    #expect(merged.runtimes == catalog.runtimes)
    #expect(merged.servers == catalog.servers)
  }

  @Test func allFaultsOfAFileAreToldInOrder() throws {
    var faults: [CatalogFault] = []
    _ = try Catalog.builtIn().merged(
      with: [source("servers:\n- name: a\n- runtimes: [go]\n- 1\n"), source("x: 1\n", name: "b.yaml")], faults: &faults)
    #expect(
      faults.map { "\($0.file):\($0.place.line)" } == ["own.yaml:2", "own.yaml:3", "own.yaml:4", "b.yaml:1"])
  }

  @Test func ownRowsAreAddedAndTakeThePlaceOfOthers() throws {
    let text = """
      runtimes:
      - name: zig
        displayName: Zig
        with: {asks: [zig, version], commands: [zig]}
        recipes:
          linux: {provider: mise, tool: zig}
        versions:
        - version: 0.15
        - {version: system, recipes: {linux: , debian: {provider: apt, packages: [zig0.15]}}}
      - name: python
        versions:
        - {version: system, displayName: Mine, recipes: {debian: {provider: apt, packages: [python3.12]}}}
      servers:
      - {name: zap, runtimes: [zig], recipes: {all: {provider: builtin, asks: [zig, version]}}}
      """
    var faults: [CatalogFault] = []
    let base = try Catalog.builtIn()
    let catalog = base.merged(with: [source("servers: 1\n", name: "bad.yaml"), source(text)], faults: &faults)
    #expect(faults.map(\.description) == ["bad.yaml:1:10: expected a list of servers"])
    let zig = try #require(catalog.runtime("zig", "0.15"))
    #expect(zig.displayName == "Zig 0.15")
    #expect(Set(zig.recipes.keys) == [.debian, .alpine, .fedora, .arch])
    let system = try #require(catalog.runtime("zig", "system"))
    #expect(Set(system.recipes.keys) == [.debian])
    #expect(catalog.runtime("python", "system")?.displayName == "Mine")
    #expect(catalog.runtimes.count == base.runtimes.count + 2)
    let server = try #require(catalog.server("zig", "zap"))
    #expect(catalog.recipe(for: server, of: zig, on: .arch)?.row == "zig-0.15-zap")
  }

  @Test func aProviderOfOnesOwnIsUsedWithPiecesOfOthers() throws {
    let text = """
      providers:
        copy:
          displayName: Copy
          families: [debian]
          elevated: false
          parameters: {file: {kind: path}, label: {kind: text, default: none}}
          probe: |
            #use records.base
            if [ -e "$file" ]; then record present "$label"; else absent; fi
          install: 'true'
          verify: 'true'
          remove: 'true'
      runtimes:
      - {name: it, versions: [{version: 1, recipes: {debian: {provider: copy, file: /etc/passwd, label: it's}}}]}
      """
    let catalog = try Catalog.builtIn().adding([source(text)])
    let row = try #require(catalog.runtime("it", "1"))
    let recipe = try #require(catalog.recipe(for: row, on: .debian))
    #expect(!recipe.isElevated)
    #expect(try ScriptMachine().run(recipe.script(.probe)).records == ["present it's"])
  }

  @Test func anEmptyFileAddsNothing() throws {
    var faults: [CatalogFault] = []
    let base = try Catalog.builtIn()
    let merged = base.merged(with: [source(""), source("# nothing yet\n")], faults: &faults)
    #expect(faults.isEmpty)
    #expect(merged.runtimes == base.runtimes)
  }
}
