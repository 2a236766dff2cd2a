import BerthProtocol
import BerthServer
import JSON
import TestSupport
import Testing

@Suite struct ConfigServiceTests {
  let folder: TemporaryFolder
  let config: ConfigService

  init() throws {
    folder = try TemporaryFolder()
    config = ConfigService(path: folder.path + "/config.json")
  }

  @Test func `a missing file means the defaults`() {
    #expect(config.current == Config())
    #expect(config.fault == nil)
  }

  @Test func `an update keeps what the schema does not know, and null goes back to the default`() throws {
    try folder.write("config.json", #"{"later": {"x": 1}, "limits": {"maxInFlight": 7}}"#)
    #expect(config.reload())
    try config.update(.init(patch: ["limits": ["maxInFlight": .null, "maxBatch": 5]]))
    #expect(config.reload())
    #expect(config.current.limits.maxInFlight == LimitsConfig().maxInFlight)
    #expect(config.current.limits.maxBatch == 5)
    #expect(try #require(try folder.read("config.json")).contains("later"))
  }

  @Test func `an update that does not fit is refused whole`() throws {
    #expect {
      try config.update(.init(patch: ["limits": ["maxInFlight": 0, "maxBatch": "x"]]))
    } throws: { error in
      let error = error as? ProtocolError
      return error?.type == .configInvalid && error?.errors.count == 2
    }
    #expect(try folder.read("config.json") == nil)
  }

  @Test func `an update of another version is refused`() throws {
    #expect {
      try config.update(.init(patch: [:], ifVersion: "older"))
    } throws: { ($0 as? ProtocolError)?.type == .versionConflict }
  }

  @Test(arguments: [
    ("{\n  \"limits\": {\n    \"maxBatch\": 5,\n  }\n}", 4, 3), ("{\n  \"limits\": {\"maxBatch\": \"x\"}\n}", 2, 26),
  ]) func `a faulty file is told with its place, and the last good one stays in force`(
    text: String, line: Int, column: Int
  ) throws {
    try config.update(.init(patch: ["limits": ["maxBatch": 9]]))
    #expect(config.reload())
    try folder.write("config.json", text)
    #expect(config.reload())
    #expect(config.current.limits.maxBatch == 9)
    #expect(config.fault?.line == line)
    #expect(config.fault?.column == column)
    #expect { try config.update(.init(patch: [:])) } throws: { ($0 as? ProtocolError)?.type == .configFileBroken }
    #expect(!config.reload())
  }
}
