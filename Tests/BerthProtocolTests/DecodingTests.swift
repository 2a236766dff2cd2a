import BerthProtocol
import JSON
import Testing

@Suite struct DecodingTests {
  /// The faults of a value, as `path type`.
  private func faults<T: JSONDecodable>(_ type: T.Type, _ text: String) throws -> [String] {
    let json = try JSONParser.parse(text)
    do throws(DecodingFaults) {
      _ = try Decoding.decode(type, from: json)
      return []
    } catch {
      return error.faults.map { fault in
        let path = fault.loc.map { $0.stringValue ?? $0.jsonString }.joined(separator: ".")
        return "\(path) \(fault.type)"
      }
    }
  }

  @Test func everyFaultIsToldAtOnceWithItsPath() throws {
    let faults = try faults(
      FileList.Params.self,
      #"{"path": "", "depth": 0, "include": ["*.swift", ""], "types": ["file", "pipe"], "gitignore": 1, "limit": 1e9}"#)
    #expect(
      faults == [
        "workspace missing", "path min_length", "depth minimum", "include.1 min_length", "gitignore type",
        "types.1 enum", "limit maximum",
      ])
  }

  @Test func faultsInStructuresHaveThePathOfEachLevel() throws {
    let faults = try faults(
      WorkspaceCreate.Params.self,
      """
      {"key": "-x", "labels": {"team": 7}, "template": {"files": [
        {"path": "a", "content": "x"}, {"path": "b", "encoding": "latin1"}]}}
      """)
    #expect(
      faults == [
        "key pattern", "template.files.1.content missing", "template.files.1.encoding enum", "labels.team type",
      ])
  }

  @Test func numbersOfEntriesAreBounded() throws {
    #expect(
      try faults(
        FileList.Params.self, #"{"workspace": "w", "include": [], "types": ["file","file","file","file","file"]}"#)
        == ["include min_items", "types max_items"])
    let labels = (0..<65).map { "\"l\($0)\": \"\"" }.joined(separator: ",")
    #expect(try faults(WorkspaceCreate.Params.self, "{\"labels\": {\(labels)}}") == ["labels max_properties"])
  }

  @Test func lengthsAreInCodePoints() throws {
    let long = String(repeating: "é", count: 200)
    #expect(try faults(WorkspaceCreate.Params.self, "{\"name\": \"\(long)\"}") == [])
    #expect(try faults(WorkspaceCreate.Params.self, "{\"name\": \"\(long)e\"}") == ["name max_length"])
  }

  @Test func parametersComeByPosition() throws {
    let params = try Decoding.decode(FileRead.Params.self, from: ["w", "a.txt", 10, nil, "base64"])
    #expect(params == FileRead.Params(workspace: "w", path: "a.txt", offset: 10, encoding: .base64))
    #expect(FileRead.Params.positional == ["workspace", "path", "offset", "length", "encoding"])
    #expect(try faults(FileRead.Params.self, #"["w", "", -1]"#) == ["path min_length", "offset minimum"])
  }

  @Test func moreParametersThanPositionsAreAFault() throws {
    #expect(try faults(ServerPing.Params.self, "[1]") == [" max_items"])
    #expect(try faults(WorkspaceGet.Params.self, #"["a", "b"]"#) == [" max_items"])
    #expect(try faults(WorkspaceGet.Params.self, "7") == [" type"])
  }

  @Test func absentParametersAreAnEmptyObject() throws {
    #expect(try ServerPing.Params.decode(nil) == ServerPing.Params())
    let error = #expect(throws: ProtocolError.self) { try WorkspaceGet.Params.decode(nil) }
    #expect(error?.type == .invalidParams)
    #expect(error?.errors == [Fault(loc: ["workspace"], msg: "is required", type: "missing")])
  }

  @Test func nullCountsAsAbsentWhereAValueMayBeMissing() throws {
    let params = try Decoding.decode(FileList.Params.self, from: ["workspace": "w", "path": nil, "depth": nil])
    #expect(params == FileList.Params(workspace: "w"))
    #expect(params.depth == 1)
    #expect(try faults(FileList.Params.self, #"{"workspace": null}"#) == ["workspace type"])
  }

  @Test func defaultsFillInWhatIsMissing() throws {
    let config = try Decoding.decode(Config.self, from: ["limits": ["maxBatch": 5]])
    #expect(config.limits.maxBatch == 5)
    #expect(config.limits.maxInFlight == 128)
    #expect(config.durability == .normal)
    #expect(config.server == ServerConfig())
  }

  @Test func unknownMembersAreIgnored() throws {
    let params = try Decoding.decode(WorkspaceGet.Params.self, from: ["workspace": "w", "colour": "red"])
    #expect(params.workspace == "w")
  }

  @Test func anUnknownWordIsToldWithTheKnownOnes() throws {
    let error = #expect(throws: DecodingFaults.self) {
      try Decoding.decode(ContentEncoding.self, from: "latin1")
    }
    #expect(error?.faults.first?.msg == "must be one of `utf8`, `base64`")
  }

  @Test func integersMayBeWrittenWithAFractionOfZero() throws {
    let params = try Decoding.decode(
      FileList.Params.self, from: try JSONParser.parse(#"{"workspace":"w","depth":2.0}"#))
    #expect(params.depth == 2)
    #expect(try faults(FileList.Params.self, #"{"workspace":"w","depth":2.5}"#) == ["depth type"])
  }

  @Test func aListOfWrongValuesHasAShortAnswer() throws {
    let text = "{\"stream\": \"custom/x\", \"events\": [\(Array(repeating: "1", count: 10000).joined(separator: ","))]}"
    #expect(try faults(StreamAppend.Params.self, text).count == Decoding.maxFaults)
  }
}
