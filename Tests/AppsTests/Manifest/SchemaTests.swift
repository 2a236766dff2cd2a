import Documents
import Foundation
import JSON
import Testing

@testable import Apps

/// `Protocol/app.runtime.schema.json` and the reader know the same.
@Suite struct SchemaTests {
  private let checker: SchemaChecker

  init() throws {
    let url = URL(filePath: #filePath).appending(path: "../../../../Protocol/app.runtime.schema.json").standardized
    checker = SchemaChecker(schema: try JSONParser.parse(Array(try Data(contentsOf: url))))
  }

  /// The keys that the reader asks for in one fixture or another, by section.
  private func vocabulary() throws -> [String: Set<String>] {
    var all: [String: Set<String>] = [:]
    for fixture in ["wild", "berth"].flatMap(Fixture.all) {
      let format: Document.Format = fixture.name.hasSuffix(".json") ? .json : .yaml
      let findings = Findings()
      _ = ManifestReader.read(Document(try fixture.bytes, format: format), findings)
      all.merge(findings.vocabulary) { $0.union($1) }
    }
    return all
  }

  private func keys(_ schema: JSONValue?) -> Set<String> {
    Set((schema?["properties"]?.objectValue?.members ?? []).map(\.key))
  }

  @Test func everyKeyOfTheReaderIsInTheSchemaAndTheOtherWayRound() throws {
    let vocabulary = try vocabulary()
    #expect(vocabulary["root"] == keys(checker.schema))
    for (section, known) in vocabulary where section != "root" {
      #expect(keys(checker.schema["$defs"]?[section]) == known, "\(section)")
    }
    for member in checker.schema["$defs"]?.objectValue?.members ?? [] where member.value["properties"] != nil {
      #expect(vocabulary[member.key] != nil, "\(member.key) is described and never read")
    }
  }

  @Test func ownFieldsStandInBothPlaces() throws {
    let own = keys(checker.schema).subtracting(ManifestReader.topOnly).subtracting(["berth", "$schema"])
    #expect(keys(checker.schema["properties"]?["berth"]) == own)
  }

  @Test func everyFieldIsDescribed() {
    func check(_ schema: JSONValue, _ path: String) {
      for member in schema["properties"]?.objectValue?.members ?? [] {
        let description =
          member.value["description"] ?? checker.resolve(member.value["$ref"]?.stringValue ?? "")?["description"]
        #expect(description?.stringValue?.isEmpty == false, "\(path)/\(member.key)")
      }
    }
    check(checker.schema, "")
    for member in checker.schema["$defs"]?.objectValue?.members ?? [] {
      check(member.value, member.key)
      #expect(member.value["description"] != nil, "\(member.key)")
    }
    #expect(checker.unknownWords.isEmpty, "\(checker.unknownWords)")
  }

  @Test(arguments: ["wild", "berth"].flatMap(Fixture.all))
  func everyExampleFitsTheSchema(fixture: Fixture) throws {
    let format: Document.Format = fixture.name.hasSuffix(".json") ? .json : .yaml
    let value = try #require(Document(try fixture.bytes, format: format).root).jsonValue
    #expect(try checker.faults(of: value) == [])
  }

  @Test(arguments: [
    "nice: 20", "ports: {http: \"3000\"}", "ports: {http: {port: 0}}", "ports: [1x]", "restart: allways", "env: [A=b]",
    "env: {A-B: x}", "limits: {memory: lots}", "limits: {open_files: 0}", "stop_signal: SIGTREM", "env_contract: [7UP]",
    "mcp: {transport: [pigeon]}", "healthchecks: {api: {timeout_s: 30s}}", "probes: {liveness: {interval_s: 1}}",
    "probes: {liveness: {exec: x, tcp: http}}", "probes: {liveness: {http: {status: 99}}}", "depends_on: {a: soon}",
    "healthchecks: {api: {path: health}}", "setup: {timeout_s: 0}", "stop_grace_s: 3601", "berth: {nice: 20}",
  ])
  func whatTheReaderRefusesTheSchemaRefuses(line: String) throws {
    #expect(manifest(line + "\n").manifest == nil)
    let document = Document(Array("app_id: a\nstart: x\n\(line)\n".utf8), format: .yaml)
    #expect(try !checker.faults(of: try #require(document.root).jsonValue).isEmpty)
  }
}
