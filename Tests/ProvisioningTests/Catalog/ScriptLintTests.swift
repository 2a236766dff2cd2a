import BerthProtocol
import TestSupport
import Testing

@testable import Provisioning

@Suite struct ScriptLintTests {
  /// Scripts in which each line of all scripts comes at least once; the values stand in lines of their own.
  private static func scriptsWithAllLines() throws -> [(name: String, text: String)] {
    let catalog = try Catalog.builtIn()
    var seen: Set<Substring> = []
    var scripts: [(name: String, text: String)] = []
    func take(_ recipe: Recipe) {
      for step in [RecipeStep.remove, .install, .verify, .probe] {
        let text = recipe.script(step)
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("# ") && !$0.hasPrefix("with_") && !isValue($0) }
        let count = seen.count
        seen.formUnion(lines)
        if seen.count > count {
          scripts.append(("\(recipe.row).\(recipe.family.rawValue).\(step.rawValue)", text))
        }
      }
    }
    for family in OSFamily.allCases {
      for row in catalog.runtimes {
        if let recipe = catalog.recipe(for: row, on: family) { take(recipe) }
        for server in catalog.servers(of: row.name) {
          if let recipe = catalog.recipe(for: server, of: row, on: family) { take(recipe) }
        }
      }
    }
    return scripts
  }

  /// Whether a line gives a variable a text in quotes, and does nothing else.
  private static func isValue(_ line: Substring) -> Bool {
    let value = line.drop { $0.isLetter || $0 == "_" }
    return (value.hasPrefix("='") || value.hasPrefix("=$root/'")) && line.hasSuffix("'")
  }

  private func write(_ scripts: [(name: String, text: String)]) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for script in scripts { try folder.write("scripts/\(script.name)", script.text) }
    return folder
  }

  @Test(.enabled(if: Machine.has("shellcheck"))) func shellcheckHasNothingToSay() throws {
    let scripts = try Self.scriptsWithAllLines()
    #expect(scripts.count > 20)
    let folder = try write(scripts)
    #expect(try folder.shell("cd scripts; ls | xargs -P 2 -n 8 shellcheck -s sh || :") == "")
  }

  /// The values, too: a few rows have texts that look as if they were meant for the shell.
  @Test(.enabled(if: Machine.has("shellcheck"))) func shellcheckHasNothingToSayOfTheValues() throws {
    let catalog = try Catalog.builtIn()
    let rows = ["perl-system", "php-system", "rust-1.95"].compactMap { catalog.runtime(id: $0) }
    var scripts: [(name: String, text: String)] = []
    for row in rows {
      let servers = catalog.servers(of: row.name).map { catalog.recipe(for: $0, of: row, on: .debian) }
      for recipe in ([catalog.recipe(for: row, on: .debian)] + servers).compactMap({ $0 }) {
        scripts.append((recipe.row, recipe.script(.probe)))
      }
    }
    let folder = try write(scripts)
    #expect(try folder.shell("cd scripts; ls | xargs -P 2 -n 8 shellcheck -s sh || :") == "")
  }

  @Test(arguments: ["dash -n", "busybox sh -n", "bash --posix -n"])
  func theyAreShellScriptsToEachShell(shell: String) throws {
    guard Machine.has(String(shell.prefix { $0 != " " })) else { return }
    let folder = try write(try Self.scriptsWithAllLines())
    #expect(try folder.shell("for script in scripts/*; do \(shell) \"$script\" || echo \"$script\"; done") == "")
  }

  @Test func noScriptReadsItsInputAndNoneNamesAPathOfItsValues() throws {
    for script in try Self.scriptsWithAllLines() {
      #expect(!script.text.contains("#use "), "\(script.name)")
      #expect(!script.text.contains("local "), "\(script.name)")
    }
  }
}
