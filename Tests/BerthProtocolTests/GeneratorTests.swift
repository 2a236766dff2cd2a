import Foundation
import JSON
@testable import ProtocolGenerator
import Testing

/// A folder that is gone when its test is.
private final class TemporaryFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("berth-generator-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }

  func write(_ text: String, to path: String) throws {
    let file = url.appendingPathComponent(path)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }
}

@Suite struct GeneratorTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  @Test func theGeneratedFilesAreWhatTheDefinitionsMakeOfThem() throws {
    let definition = try DefinitionReader(folder: Self.root.appendingPathComponent("Protocol")).read()
    let output = OutputFolder(root: Self.root, files: GeneratedFile.all(of: definition))
    #expect(try output.drifted() == [])
  }

  @Test func driftIsSeenAndMended() throws {
    let folder = try TemporaryFolder()
    let definition = try DefinitionReader(folder: Self.root.appendingPathComponent("Protocol")).read()
    let output = OutputFolder(root: folder.url, files: GeneratedFile.all(of: definition))
    try output.write(output.drifted())
    #expect(try output.drifted() == [])

    try folder.write("// changed by hand", to: "Sources/BerthProtocol/Generated/Job.swift")
    try folder.write("// left over", to: "Sources/BerthProtocol/Generated/Gone.swift")
    try FileManager.default.removeItem(at: folder.url.appendingPathComponent("Protocol/openrpc.json"))
    let drifted = try output.drifted()
    #expect(
      drifted == [
        "Protocol/openrpc.json", "Sources/BerthProtocol/Generated/Gone.swift",
        "Sources/BerthProtocol/Generated/Job.swift",
      ])
    try output.write(drifted)
    #expect(try output.drifted() == [])
  }

  // MARK: Faults of the definitions

  private static let head = """
    info: {title: T, version: "1", description: D.}
    components:
      errors:
        gone: {code: 404, retryable: false, description: It is gone.}
    """

  /// A family with one method `a/b`, with lines put in its parts.
  private func faults(
    method: String = "", params: String = "", schemas: String = "", head: String = Self.head
  ) throws -> [String] {
    let folder = try TemporaryFolder()
    try folder.write(head, to: "openrpc.yaml")
    try folder.write(
      """
      family: {name: a, description: A family.}
      methods:
        - name: a/b
          summary: Does it.
          x-lane: inline
          x-scope: read
          params: [\(params)]
          result: {name: r, schema: {type: "null"}}
          \(method)
      components:
        schemas:
          Thing: {type: string, description: A thing.}
          \(schemas)
      """, to: "a.yaml")
    do {
      _ = try DefinitionReader(folder: folder.url).read()
      return []
    } catch let error as DefinitionFaults {
      return error.faults.map(\.description)
    }
  }

  @Test func soundDefinitionsAreTaken() throws {
    #expect(
      try faults(params: "{name: p, schema: {$ref: \"#/components/schemas/Thing\"}, description: A thing.}") == [])
  }

  @Test func anUnknownReferenceIsToldWithFileAndLine() throws {
    #expect(
      try faults(params: "{name: p, schema: {$ref: \"#/components/schemas/Nothing\"}, description: D.}")
        == ["a.yaml:7: there is no component `Nothing`"])
  }

  @Test func anUnknownErrorIsTold() throws {
    #expect(try faults(method: "x-errors: [gone, lost]") == ["a.yaml:3: a/b names an unknown error `lost`"])
  }

  @Test func unknownMembersAreTold() throws {
    #expect(
      try faults(method: "x-lanes: inline", params: "{name: p, schema: {type: string, maxLen: 3}, description: D.}")
        == [
          "a.yaml:7: the parameter `p` of a/b has an unknown member `maxLen`",
          "a.yaml:9: the method a/b has an unknown member `x-lanes`",
        ])
  }

  @Test func namesThatComeTwiceAreTold() throws {
    #expect(
      try faults(schemas: "AB: {type: object, description: D., properties: {}}")
        == ["a.yaml:3: the Swift type `AB` is there twice; the other is at a.yaml:13"])
  }

  @Test func missingDescriptionsAreTold() throws {
    #expect(
      try faults(
        params: "{name: p, schema: {type: string}}",
        schemas: "Other: {type: object, properties: {x: {type: string}}}")
        == [
          "a.yaml:7: `description` is missing", "a.yaml:13: `x` of Other has no description",
          "a.yaml:13: Other has no description",
        ])
  }

  @Test func aSerialMethodNeedsAKey() throws {
    #expect(
      try faults(method: "x-serial-key: p")
        == ["a.yaml:3: a/b needs `x-serial-key` with the lane `serial`, and only with it"])
  }

  @Test func requiredParametersMustComeFirst() throws {
    #expect(
      try faults(
        params: """
          {name: p, schema: {type: string}, description: D.},
          {name: q, required: true, schema: {type: string}, description: D.}
          """
      ).map { $0.dropFirst("a.yaml:8: ".count) } == ["a/b: `q` is required and must come before what is not"])
  }

  @Test func aDefaultMustFitItsType() throws {
    #expect(
      try faults(params: "{name: p, schema: {type: integer, minimum: 1, default: 0}, description: D.}")
        == ["a.yaml:7: the default 0 does not fit its type"])
  }

  @Test func patternsMustBeOfTheKnownKind() throws {
    #expect(
      try faults(params: "{name: p, schema: {type: string, pattern: \"^a*ab$\"}, description: D.}").count == 1)
    #expect(
      try faults(params: "{name: p, schema: {type: string, pattern: \"[a-z]\"}, description: D.}").count == 1)
  }

  @Test func brokenYAMLIsToldWithItsFile() throws {
    let told = try faults(head: "info: {title: [")
    #expect(told.contains { $0.hasPrefix("openrpc.yaml:") })
  }
}
