import BerthProtocol
import Testing

@testable import Provisioning

@Suite struct CatalogTests {
  static let families = [
    "bun", "deno", "dotnet", "elixir", "go", "java", "node", "perl", "php", "python", "ruby", "rust",
  ]
  /// The servers of each family.
  static let servers: [String: Set<String>] = [
    "bun": ["bun-http", "nginx", "caddy"],
    "deno": ["deno-http", "nginx", "caddy"],
    "dotnet": ["kestrel", "iis", "nginx", "apache"],
    "elixir": ["cowboy", "bandit", "nginx"],
    "go": ["go-http", "caddy", "nginx"],
    "java": ["tomcat", "jetty", "undertow", "netty", "nginx"],
    "node": ["node-http", "express", "fastify", "nginx", "caddy"],
    "perl": ["mod-perl", "starman", "nginx"],
    "php": ["php-fpm", "php-fpm-caddy", "apache"],
    "python": ["gunicorn", "uwsgi", "uvicorn", "nginx"],
    "ruby": ["puma", "unicorn", "passenger", "nginx"],
    "rust": ["actix", "axum", "hyper", "nginx", "caddy"],
  ]

  @Test func allFamiliesAndTheirServersAreThere() throws {
    let catalog = try Catalog.builtIn()
    #expect(Set(catalog.runtimes.map(\.name)).sorted() == Self.families)
    for name in Self.families {
      #expect(Set(catalog.servers(of: name).map(\.name)) == Self.servers[name], "\(name)")
      #expect(catalog.runtimes.filter { $0.name == name }.count >= 3, "several versions of \(name)")
    }
    #expect(Set(catalog.runtimes.map(\.id)).count == catalog.runtimes.count)
    #expect(Set(catalog.servers.map(\.id)).count == catalog.servers.count)
  }

  @Test func eachActiveRowHasRecipesAndTheOthersSayWhy() throws {
    let catalog = try Catalog.builtIn()
    for row in catalog.runtimes {
      #expect(row.isActive == !row.recipes.isEmpty)
      #expect(row.isActive || row.note != nil)
      for family in row.recipes.keys { #expect(catalog.recipe(for: row, on: family) != nil) }
    }
    for row in catalog.servers {
      #expect(row.isActive == !row.recipes.isEmpty)
      #expect(row.isActive || row.note != nil)
    }
    #expect(catalog.server("dotnet", "iis")?.isActive == false)
  }

  /// On Debian, all but what the distribution does not have; a version that is pinned, wherever its builds run.
  @Test func whatHasNoRecipeIsKnown() throws {
    let catalog = try Catalog.builtIn()
    let missing = OSFamily.allCases.flatMap { family in
      catalog.runtimes.filter { catalog.recipe(for: $0, on: family) == nil }.map { "\($0.id) \(family)" }
    }
    #expect(
      Set(missing) == [
        "bun-system debian", "bun-system alpine", "bun-system fedora", "bun-system macos",
        "deno-system debian", "deno-system fedora", "deno-2.7 alpine", "deno-2.5 alpine", "dotnet-system debian",
        "java-25 alpine", "perl-5.42 alpine", "perl-5.40 alpine", "php-8.5 alpine", "php-8.5 fedora",
        "php-8.4 fedora", "php-8.3 fedora", "php-8.5 arch", "php-8.4 arch", "php-8.3 arch",
      ])
  }

  @Test func aServerFollowsTheVersionOfItsRuntime() throws {
    let catalog = try Catalog.builtIn()
    let server = try #require(catalog.server("python", "gunicorn"))
    let system = try #require(catalog.runtime("python", "system"))
    let pinned = try #require(catalog.runtime(id: "python-3.13"))
    let package = try #require(catalog.recipe(for: server, of: system, on: .debian))
    #expect(package.provider.name == "apt")
    #expect(package.packages == ["gunicorn"])
    #expect(package.row == "python-system-gunicorn")
    let environment = try #require(catalog.recipe(for: server, of: pinned, on: .debian))
    #expect(environment.provider.name == "venv")
    #expect(environment.folder == "/opt/berth/python-3.13-gunicorn")
    #expect(environment.script(.install).contains("runtime_folder=$root/'python-3.13'\n"))
    let node = try #require(catalog.runtime("node", "system"))
    #expect(catalog.recipe(for: server, of: node, on: .debian) == nil)
  }

  @Test(
    arguments: [
      ("debian", [], .debian), ("ubuntu", ["debian"], .debian), ("neon", ["ubuntu", "debian"], .debian),
      ("alpine", [], .alpine), ("rocky", ["rhel", "centos", "fedora"], .fedora), ("amzn", ["centos"], .fedora),
      ("arch", [], .arch), ("cachyos", ["arch"], .arch), ("macos", [], .macos), ("nixos", [], nil),
      ("opensuse-leap", ["suse", "opensuse"], nil),
    ] as [(String, [String], OSFamily?)])
  func familiesAreKnownByWhatSystemsSayOfThemselves(id: String, like: [String], family: OSFamily?) {
    #expect(OSFamily(id: id, idLike: like) == family)
  }
}
