import BerthClient
import BerthProtocol
import JSON
import Platform
import TestSupport
import Testing

/// The catalog as clients see it.
@Suite struct CatalogTests {
  @Test func `has the twelve languages, with versions, servers and recipes`() throws {
    let home = try ProvisioningHome()
    let rows = try home.client.request(CatalogListRuntimes.self, .init()).runtimes
    let names = Set(rows.map(\.name))
    #expect(
      names == [
        "bun", "deno", "dotnet", "elixir", "go", "java", "node", "perl", "php", "python", "ruby", "rust",
      ])
    for name in names {
      #expect(rows.count { $0.name == name } > 1)
      #expect(try !home.client.request(CatalogListServers.self, .init(runtimeName: name)).servers.isEmpty)
    }
    for row in rows {
      let detail = try home.client.request(CatalogGetRuntime.self, .init(runtimeId: row.id, scripts: true))
      #expect(detail.recipes.map(\.os) == row.os && !row.os.isEmpty)
      for recipe in detail.recipes {
        let scripts = [recipe.probe, recipe.install, recipe.verify, recipe.remove]
        #expect(scripts.allSatisfy { $0?.isEmpty == false })
      }
    }
    let unknown = try #require(home.refusal(CatalogListServers.self, .init(runtimeName: "cobol")))
    #expect(unknown.type == .runtimeUnknown)
    #expect(unknown.data?["runtimeNames"]?.arrayValue?.count == 12)
  }

  @Test func `keeps what was changed by hand, and takes in rows of the home`() throws {
    let home = try ProvisioningHome()
    let folder = home.server.home.path + "/catalog"
    _ = try home.client.request(
      CatalogUpdateRuntime.self, .init(runtimeId: "python-system", isActive: false, displayName: "Snake"))
    try home.server.folder.write(
      "home/catalog/own.yaml",
      """
      runtimes:
      - name: lua
        displayName: Lua
        with: {asks: [lua5.4, -v]}
        versions:
        - version: system
          recipes: {debian: {provider: apt, packages: [lua5.4]}}
      """)
    let seeded = try home.client.request(CatalogSeed.self, .init())
    #expect(seeded.added == 1 && seeded.kept == 1 && seeded.updated == 0 && seeded.removed == 0)
    let rows = try home.client.request(CatalogListRuntimes.self, .init(includeInactive: true)).runtimes
    #expect(rows.first { $0.id == "python-system" }?.displayName == "Snake")
    #expect(rows.first { $0.id == "lua-system" }?.origin == .home)
    #expect(try home.client.request(CatalogListRuntimes.self, .init()).runtimes.allSatisfy { $0.id != "python-system" })

    try home.server.folder.write("home/catalog/own.yaml", "runtimes:\n- name: lua\n  versoins: []\n")
    let refused = try #require(home.refusal(CatalogSeed.self, .init()))
    #expect(refused.type == .catalogInvalid)
    #expect(refused.faults.first?.loc.first == .string(folder + "/own.yaml"))
    // A faulty file of the user's keeps nobody from the rest, also after a restart.
    try home.crash()
    #expect(try home.client.request(CatalogListRuntimes.self, .init(runtimeName: "perl")).runtimes.isEmpty == false)
  }

  @Test func `only pairs of the table are connected`() throws {
    let home = try ProvisioningHome()
    let allowed = try home.client.request(ConnectionListAllowed.self, .init()).allowed
    #expect(allowed.count == 7 && allowed.count { $0.supported } == 2)
    let one = try home.runtime("python-system", name: "one"), two = try home.runtime("perl-system", name: "two")
    let refused = home.refusal(ConnectionCreate.self, .init(source: one.id, target: two.id))
    #expect(refused?.type == .connectionNotAllowed)
    #expect(refused?.message.hasPrefix("Connection from runtime to runtime is not allowed") == true)
  }
}
