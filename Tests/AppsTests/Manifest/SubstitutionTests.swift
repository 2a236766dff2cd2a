import Testing

@testable import Apps

@Suite struct SubstitutionTests {
  private func environment(
    _ env: String, over outer: [String: String] = [:], ports: [String: Int] = [:]
  ) throws -> ManifestEnvironment {
    let reading = manifest("ports: [http]\nenv:\n" + env)
    let app = try #require(reading.manifest, "\(reading.rendered(file: "m"))")
    return try app.environment(over: outer, portNumbers: ports)
  }

  @Test(arguments: [
    ("${A}", "one"), ("<${A}${A}>", "<oneone>"), ("${NONE:-two}", "two"), ("${EMPTY:-two}", "two"), ("${EMPTY}", ""),
    ("${A:-two}", "one"), ("${A:?why}", "one"), ("${NONE:-}", ""), ("$$", "$"), ("$${A}", "${A}"), ("$$$${A}", "$${A}"),
    ("$$${A}", "$one"), ("5 $ and $", "5 $ and $"), ("$5", "$5"), ("${RAW}", "${A} $$"), ("${NONE:-a:b}", "a:b"),
    ("${PORT}", "4000"), ("{A}", "{A}"),
  ])
  func referencesAreReplacedOnce(text: String, value: String) throws {
    let outer = ["A": "one", "EMPTY": "", "RAW": "${A} $$"]
    #expect(try environment("  X: '\(text)'", over: outer, ports: ["http": 4000]).variables["X"] == value)
  }

  @Test func variablesMayStandForOthersInAnyOrder() throws {
    let env = "  A: ${B}/a\n  B: ${C}/b\n  C: c\n  PATH: ./bin:${PATH}\n  D: ${PATH}\n"
    let variables = try environment(env, over: ["PATH": "/bin", "C": "outer"]).variables
    #expect(variables["A"] == "c/b/a")
    #expect(variables["PATH"] == "./bin:/bin")
    #expect(variables["D"] == "./bin:/bin")
  }

  @Test func namesThatStandForNothingAreToldTogether() throws {
    let text = "env:\n  A: ${NO} and ${ALSO_NO:?say it}\n  B: \"${HOMES}\"\nprobes: {readiness: {http: '/${P}'}}\n"
    let app = try #require(manifest(text).manifest)
    let error = try #require(throws: UnresolvedReferences.self) {
      try app.environment(over: ["HOME": "/"], portNumbers: [:])
    }
    #expect(
      error.findings.map(\.message) == [
        "`NO` has no value", "`ALSO_NO` has no value: say it", "`HOMES` has no value", "`P` has no value",
      ])
    #expect(error.findings.map { "\($0.line):\($0.column)" } == ["4:6", "4:16", "5:7", "6:30"])
    #expect(error.findings.map { $0.path.description } == ["env.A", "env.A", "env.B", "probes.readiness.http"])
    #expect(error.findings[2].suggestion == "HOME")
  }

  @Test func pathsAreReplacedAndCommandsAreNot() throws {
    let app = try #require(
      manifest("probes: {readiness: [{http: '/${A}'}, {exec: 'echo ${A}'}]}\nports: {http: {path: '/${A}/'}}\n")
        .manifest)
    let environment = try app.environment(over: ["A": "x"], portNumbers: ["http": 1])
    guard case .http(let http) = app.probes.readiness[0].check else {
      Issue.record("not http")
      return
    }
    #expect(environment.string(http.path) == "/x")
    #expect(environment.string(try #require(app.ports[0].path)) == "/x/")
    #expect(app.probes.readiness[1].check == .exec(command: "echo ${A}"))
  }

  @Test func valuesCannotGrowWithoutBound() throws {
    var env = "  A0: xxxxxxxxxxxxxxxx\n"
    for level in 1...40 { env += "  A\(level): ${A\(level - 1)}${A\(level - 1)}\n" }
    #expect(throws: UnresolvedReferences.self) { try environment(env) }
  }

  @Test func everyPortHasItsNumberAboveAllElse() throws {
    let variables = try environment("  X: y", over: ["PORT": "1"], ports: ["http": 4000]).variables
    #expect(variables["PORT"] == "4000")
    #expect(variables["HTTP_PORT"] == "4000")
  }

  @Test func missingNamesAreToldTogether() throws {
    let app = try #require(
      manifest("env_contract: [B, A, PORT, GIVEN, SET]\nsecrets: [S, A]\nenv: {SET: x}\n").manifest)
    #expect(app.missingNames(in: ["GIVEN": ""]) == ["B", "A", "S"])
    #expect(app.missingNames(in: ["GIVEN": "", "A": "1", "B": "2", "S": "3"]).isEmpty)
  }
}
