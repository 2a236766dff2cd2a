import JSON
import Testing

@testable import Apps

/// The forms in which the file is found.
@Suite struct WildManifestTests {
  @Test(arguments: Fixture.all("wild"))
  func everyFormIsAccepted(fixture: Fixture) throws {
    let reading = try fixture.read()
    #expect(reading.manifest != nil, "\(reading.rendered(file: fixture.name))")
    if fixture.name != "unusual-fields.yaml" { #expect(reading.findings.isEmpty) }
  }

  @Test func commandsAreKeptToTheLetter() throws {
    let manifest = try Fixture.wild("two-daemons.yaml").manifest()
    #expect(
      manifest.start.command
        == "DB_PATH=./data/m.db nohup node server.mjs > /tmp/m.log 2>&1 & "
        + "DB_PATH=./data/m.db nohup node services.cjs > /tmp/s.log 2>&1 &")
    #expect(manifest.stop.command?.hasPrefix("kill $(lsof -t -i :${PORT:-3000})") == true)
    #expect(manifest.setup.command == "npm ci --omit=dev && npm run build")
    #expect(manifest.contract == ["WORKSPACE_ID", "LEDGER_TOKEN"])
    #expect(manifest.slug == "ledger")
    #expect(manifest.mcp?.tools == ["create_entry", "list_entries"])
    let block = try Fixture.wild("data-schema.yaml").manifest()
    #expect(block.setup.command == "set -e\nnpm ci\nnpm run migrate\n")
    #expect(block.start.command == "NODE_ENV=production node server.js")
    #expect(block.dataSchema?["tables"]?["contacts"]?["visibility"] == "app_shared")
  }

  @Test func healthchecksBecomeReadinessProbes() throws {
    let manifest = try Fixture.wild("two-daemons.yaml").manifest()
    #expect(manifest.start.timeoutSeconds == 90)
    let probes = manifest.probes.readiness
    try #require(probes.count == 2)
    #expect(probes.map(\.intervalSeconds) == [5, 2])
    #expect(
      probes.map(\.check) == [
        .http(.init(port: "mcp", path: .init(literal: "/health"), status: 200...200, bodyContains: nil)),
        .http(.init(port: "http", path: .init(literal: "/api/health"), status: 200...399, bodyContains: nil)),
      ])
    #expect(manifest.probes.startup.isEmpty && manifest.probes.liveness.isEmpty)
  }

  @Test func portsThatNobodyNamesAreThereAllTheSame() throws {
    let ports = try Fixture.wild("two-daemons.yaml").manifest().ports
    #expect(ports.map(\.name) == ["http", "mcp"])
    #expect(ports.map(\.environmentNames) == [["PORT", "HTTP_PORT"], ["MCP_PORT"]])
    #expect(ports.map(\.number) == [.any, .preferred(3099)])
    #expect(!ports.contains { $0.isDeclared })
    #expect(try Fixture.wild("foreground.yml").manifest().ports.map(\.name) == ["http"])
    #expect(try Fixture.wild("mcp-off.yaml").manifest().ports.map(\.name) == ["http"])
  }

  @Test func aStartAtTheTopIsTheStart() throws {
    #expect(try Fixture.wild("top-level-start.yaml").manifest().start.command == "node index.js")
    #expect(try Fixture.wild("both-starts.yaml").manifest().start.command == "npm start")
    let reading = manifest("", outside: "app_id: a\nstart: ./old\nlifecycle: {start: ./new}\n")
    #expect(reading.manifest?.start.command == "./new")
    #expect(reading.findings.map(\.code) == [.conflict])
    #expect(reading.findings.first?.severity == .warning)
  }

  @Test func integrationsAreReadInBothForms() throws {
    let one = try #require(try Fixture.wild("integration.yaml").manifest().integrations.first)
    #expect(one.provider == "gmail")
    #expect(one.credentialSource == .platform)
    #expect(one.scopes == ["gmail.readonly", "gmail.send"])
    #expect(one.details["holder_user_id_required"] == true)
    let two = try Fixture.wild("integrations.yaml").manifest().integrations
    #expect(two.map(\.provider) == ["twitter", "linkedin"])
    #expect(two.map(\.isRequired) == [true, false])
    #expect(two.last?.scopes == ["r_liteprofile", "w_member_social"])
  }

  @Test func servicesOfOlderFilesAreStartedTogether() throws {
    let manifest = try Fixture.wild("services.yaml").manifest()
    #expect(manifest.services.map(\.name) == ["web", "worker", "docs"])
    #expect(manifest.services.map(\.start) == ["node web.js", "node worker.js", nil])
    #expect(manifest.start.command == "(\nnode web.js\n) &\n(\nnode worker.js\n) &\nwait")
    #expect(manifest.mcp?.isEnabled == false)
    #expect(manifest.mcp?.tools == ["sync_now", "status"])
    #expect(manifest.triggers?.arrayValue?.count == 1)
    #expect(try Fixture.wild("services-list.yaml").manifest().start.command == "./api --port $PORT")
  }

  @Test func aFieldWithoutAValueIsAbsent() throws {
    let manifest = try Fixture.wild("empty-values.yaml").manifest()
    #expect(manifest.name == "sparse")
    #expect(manifest.setup.command == nil && manifest.stop.command == nil && manifest.mcp == nil)
  }

  @Test func anchorsAndJSONAreRead() throws {
    let anchored = try Fixture.wild("anchors.yaml").manifest()
    #expect(anchored.name == "2048")
    #expect(anchored.probes.readiness.map(\.intervalSeconds) == [1, 10])
    let json = try Fixture.wild("wild.json").manifest()
    #expect(json.name == "Café 😀")
    #expect(json.start.command == "node a.js > /tmp/a.log 2>&1 &")
    #expect(json.mcp?.transport == .streamableHTTP)
  }

  @Test func unknownFieldsAreWarnedOf() throws {
    let findings = try Fixture.wild("unusual-fields.yaml").read().findings
    #expect(findings.map { $0.path.description } == ["version", "author", "icon", "healthchecks.api.method"])
    #expect(findings.allSatisfy { $0.severity == .warning && $0.code == .unknownKey })
  }
}
