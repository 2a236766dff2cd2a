import BerthProtocol
import Documents
import Glibc
import TestSupport
import Testing

@testable import Provisioning

@Suite struct HostileValueTests {
  static let hostile = [
    "'", "'; touch pwned; '", "$(touch pwned)", "`touch pwned`", "\\", "\\'", "a b", "*", "~", "\"", "${IFS}", "#", "!",
    "a;b|c&d<e>f", "é漢😀", "%s%n", "-", "--help", "a=b", "''", "'\\''",
  ]

  private func recipe(value: ParameterValue, kind: ProviderParameter.Kind, script: String) -> Recipe {
    let provider = Provider(
      name: "try", displayName: "try", families: [.debian], isElevated: true,
      parameters: ["given": ProviderParameter(name: "given", kind: kind, standard: nil)], pieces: [:],
      steps: [.probe: script, .install: "", .verify: "", .remove: ""])
    return Recipe(
      row: "try-1", displayName: "", version: "1", runtime: nil, family: .debian, provider: provider,
      values: ["given": value], providers: ["try": provider])
  }

  @Test(arguments: hostile, PackageManagerTests.shells)
  func aTextReachesTheScriptAsItIs(text: String, shell: String) throws {
    let machine = try ScriptMachine()
    let script = recipe(value: .text(text), kind: .text, script: "cd \"$HOME\" && printf '%s\\n' \"$given\" >&3")
    let outcome = try machine.run(script.script(.probe), shell: shell)
    #expect(outcome.records == [text])
    #expect(access("\(machine.folder.path)/home/pwned", F_OK) != 0)
  }

  @Test(arguments: PackageManagerTests.shells)
  func aListReachesTheScriptWordByWord(shell: String) throws {
    let machine = try ScriptMachine()
    let script = recipe(value: .list(Self.hostile), kind: .texts, script: "with_given printf '%s\\n' >&3")
    #expect(try machine.run(script.script(.probe), shell: shell).records == Self.hostile)
  }

  @Test(
    arguments: [
      "--allow-unauthenticated", "-o", "a b", "$(id)", "a;b", "a'b", "a\\nb", "a`b`", "a|b", "*", "~root", "/etc", "",
      "a\\u0000b", "a\\u001bb",
    ])
  func aWordIsNeitherAnOptionNorMoreThanAWord(text: String) throws {
    let row = """
      servers:
      - {name: s, runtimes: [go], recipes: {debian: {provider: apt, packages: ["\(text)"]}}}
      """
    var faults: [CatalogFault] = []
    let catalog = try Catalog.builtIn().merged(
      with: [CatalogSource(name: "own.yaml", bytes: Array(row.utf8))], faults: &faults)
    #expect(faults.count == 1, "\(faults)")
    #expect(faults.first?.place.line == 2)
    #expect(catalog.server("go", "s") == nil)
  }

  @Test(
    arguments: [
      ("leaves", "[etc]"), ("leaves", "[/var/../etc]"), ("leaves", "[/]"), ("leaves", "[//etc]"),
      ("leaves", #"["/a\nb"]"#), ("asks", #"["a\nb"]"#),
    ])
  func pathsAndTextsAreChecked(name: String, value: String) throws {
    let row = """
      servers:
      - {name: s, runtimes: [go], recipes: {debian: {provider: apt, packages: [s], \(name): \(value)}}}
      """
    var faults: [CatalogFault] = []
    _ = try Catalog.builtIn().merged(
      with: [CatalogSource(name: "own.yaml", bytes: Array(row.utf8))], faults: &faults)
    #expect(faults.count == 1, "\(faults)")
  }
}
