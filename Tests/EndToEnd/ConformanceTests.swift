import JSON
import Platform
import TestSupport
import Testing

/// What other servers get wrong on the wire, over every way to the server and in both framings.
@Suite(.serialized) struct ConformanceTests {
  /// One way to reach the server, in one framing.
  struct Route: Sendable, CustomTestStringConvertible {
    let way: Wire.Way
    let framing: Wire.Framing
    var testDescription: String { "\(way), \(framing)" }

    static let all = Wire.Way.allCases.flatMap { way in Wire.Framing.allCases.map { Route(way: way, framing: $0) } }
  }

  /// Runs a test on a connection of its own. The server serves all tests of a way.
  private func withWire(_ route: Route, _ body: (Wire) throws -> Void) throws {
    let server = route.way == .inProcess ? nil : try TestServer()
    let folder = try TemporaryFolder()
    let wire = try Wire(route.way, route.framing, home: server?.home ?? Home(folder.path + "/home"))
    try body(wire)
  }

  private static func request(_ id: String, _ method: String, _ params: String = "{}") -> String {
    #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":\#(params)}"#
  }

  @Test(arguments: Route.all) func `a request before initialize gets -32002, a notification nothing`(
    route: Route
  ) throws {
    try withWire(route) { wire in
      try wire.send(#"{"jsonrpc":"2.0","method":"initialized"}"#)
      let answer = try wire.call(Self.request("7", "server/ping"))
      #expect(answer?["id"] == 7)
      #expect(answer?["error"]?["code"] == -32002)
      #expect(answer?["error"]?["data"]?["type"] == "not_initialized")
    }
  }

  @Test(arguments: Route.all) func `an attachment can be detached as soon as it is told`(route: Route) throws {
    try withWire(route) { wire in
      try wire.initialize()
      for number in 1...200 {
        let attached = try wire.call(Self.request("\(2 * number)", "stream/attach", #"{"stream":"events"}"#))
        let id = try #require(attached?["result"]?["attachment"]?.stringValue, "\(String(describing: attached))")
        try wire.send(Self.request("\(2 * number + 1)", "stream/detach", #"{"attachment":"\#(id)"}"#))
        var answer = try wire.next()
        while let other = answer, other["id"] == nil { answer = try wire.next() }
        #expect(answer == ["jsonrpc": "2.0", "id": .integer(2 * number + 1), "result": .null])
      }
    }
  }

  @Test(arguments: Route.all) func `a second initialize gets -32600`(route: Route) throws {
    try withWire(route) { wire in
      try wire.initialize()
      #expect(try wire.call(Self.request("2", "initialize"))?["error"]?["code"] == -32600)
      #expect(try wire.call(Self.request("3", "server/ping"))?["result"] != nil)
    }
  }

  @Test(arguments: Route.all) func `a request after shutdown gets -32600, and exit then exits with 0`(
    route: Route
  ) throws {
    try withWire(route) { wire in
      try wire.initialize()
      #expect(try wire.call(Self.request("2", "shutdown")) == ["jsonrpc": "2.0", "id": 2, "result": .null])
      #expect(try wire.call(Self.request("3", "server/ping"))?["error"]?["code"] == -32600)
      try wire.send(#"{"jsonrpc":"2.0","method":"exit"}"#)
      #expect(try wire.ends())
      if route.way != .socket { #expect(wire.exitCode() == 0) }
    }
  }

  @Test(arguments: Route.all) func `exit without shutdown exits with 1`(route: Route) throws {
    try withWire(route) { wire in
      try wire.initialize()
      try wire.send(#"{"jsonrpc":"2.0","method":"exit"}"#)
      #expect(try wire.ends())
      if route.way != .socket { #expect(wire.exitCode() == 1) }
    }
  }

  @Test(arguments: Route.all, [false, true]) func `the end of input is drained, then exits as shutdown says`(
    route: Route, afterShutdown: Bool
  ) throws {
    try withWire(route) { wire in
      try wire.initialize()
      try wire.send(Self.request("2", "config/get"))
      try wire.send(Self.request("3", "server/ping"))
      if afterShutdown { try wire.send(Self.request("4", "shutdown")) }
      wire.endInput()
      var ids: Set<JSONValue> = []
      while let answer = try wire.next() {
        #expect(answer["error"] == nil)
        ids.insert(answer["id"] ?? .null)
      }
      #expect(ids == (afterShutdown ? [2, 3, 4] : [2, 3]))
      if route.way != .socket { #expect(wire.exitCode() == (afterShutdown ? 0 : 1)) }
    }
  }

  @Test(arguments: Route.all) func `bad JSON in a good frame gets -32700 and the stream stays in sync`(
    route: Route
  ) throws {
    try withWire(route) { wire in
      try wire.initialize()
      for text in ["{\"jsonrpc\": ", "[1,", "{'a':1}", "{\"a\":\u{1}}", "{} {}"] {
        let answer = try wire.call(text)
        #expect(answer?["error"]?["code"] == -32700, "\(text)")
        #expect(answer?["id"] == .null)
      }
      let deep =
        #"{"jsonrpc":"2.0","id":1,"method":"server/ping","params":"# + String(repeating: "[", count: 600)
        + String(repeating: "]", count: 600) + "}"
      #expect(try wire.call(deep)?["error"]?["code"] == -32700)
      #expect(try wire.call(Self.request("2", "server/ping"))?["result"] != nil)
    }
  }

  @Test(arguments: Route.all) func `what is not a request gets -32600`(route: Route) throws {
    try withWire(route) { wire in
      try wire.initialize()
      let cases: [(String, JSONValue)] = [
        (#"{"id":1,"method":"server/ping"}"#, 1), (#"{"jsonrpc":"1.0","id":1,"method":"server/ping"}"#, 1),
        (#"{"jsonrpc":"2.0","id":"x","method":5}"#, "x"), (#"{"jsonrpc":"2.0","id":1}"#, 1),
        (#"{"jsonrpc":"2.0","id":[1],"method":"server/ping"}"#, .null),
        (#"{"jsonrpc":"2.0","id":true,"method":"server/ping"}"#, .null),
        (#"{"jsonrpc":"2.0","id":1,"method":"server/ping","params":3}"#, 1), ("{}", .null),
      ]
      for (text, id) in cases {
        let answer = try wire.call(text)
        #expect(answer?["error"]?["code"] == -32600, "\(text)")
        #expect(answer?["id"] == id, "\(text)")
      }
      if route.framing == .contentLength {
        #expect(try wire.call("3")?["error"]?["code"] == -32600)
        #expect(try wire.call("\"x\"")?["error"]?["code"] == -32600)
      }
      // An answer to nothing is nothing to answer.
      try wire.send(#"{"jsonrpc":"2.0","id":99,"result":1}"#)
      #expect(try wire.call(Self.request("2", "server/ping"))?["id"] == 2)
    }
  }

  @Test(arguments: Route.all) func `ids come back exactly as they were sent`(route: Route) throws {
    try withWire(route) { wire in
      try wire.initialize()
      for id in [
        "0", "-1", "1.5", "1e2", "\"\"", "\"a\"", "null", "9007199254740993", "123456789012345678901234567890",
      ] {
        let answer = try wire.call(Self.request(id, "server/ping"))
        #expect(answer?["id"] == (try JSONParser.parse(id)), "\(id)")
        #expect(answer?["result"] != nil)
      }
    }
  }

  @Test(arguments: Route.all) func `batches keep to JSON-RPC 2.0`(route: Route) throws {
    try withWire(route) { wire in
      try wire.initialize()
      let empty = try wire.call("[]")
      #expect(empty?["error"]?["code"] == -32600)
      #expect(empty?["id"] == .null)
      let numbers = try wire.call("[1,2]")?.arrayValue ?? []
      #expect(numbers.map { $0["error"]?["code"] } == [-32600, -32600])
      // Nothing but notifications: no answer at all, so that the next one is the ping's.
      try wire.send(#"[{"jsonrpc":"2.0","method":"initialized"},{"jsonrpc":"2.0","method":"no/such"}]"#)
      let ping = Self.request("1", "server/ping")
      let config = Self.request("\"c\"", "config/get")
      let mixed = try wire.call(
        #"[\#(ping),{"jsonrpc":"2.0","method":"initialized"},\#(config),{"foo":1},\#(Self.request("3", "no/such"))]"#)
      let answers = mixed?.arrayValue ?? []
      #expect(answers.map { $0["id"] } == [1, "c", .null, 3])
      #expect(answers.map { $0["error"]?["code"] } == [nil, nil, -32600, -32601])
      let tooMany = "[" + Array(repeating: ping, count: 1001).joined(separator: ",") + "]"
      #expect(try wire.call(tooMany)?["error"]?["data"]?["type"] == "batch_too_large")
      #expect(try wire.call("[\(ping),")?["error"]?["code"] == -32700)
    }
  }

  @Test(arguments: Route.all) func `unknown methods and bad parameters are told apart`(route: Route) throws {
    try withWire(route) { wire in
      try wire.initialize()
      #expect(try wire.call(Self.request("1", "no/such"))?["error"]?["code"] == -32601)
      #expect(try wire.call(Self.request("2", "$/noSuch"))?["error"]?["code"] == -32601)
      // What only the server sends is no method to call, and a notification is none to ask.
      #expect(try wire.call(Self.request("3", "stream/event"))?["error"]?["code"] == -32601)
      try wire.send(#"{"jsonrpc":"2.0","method":"$/noSuch"}"#)
      let answer = try wire.call(Self.request("4", "stream/read", #"{"limitBytes":0,"types":[3]}"#))
      #expect(answer?["error"]?["code"] == -32602)
      let faults = answer?["error"]?["data"]?["errors"]?.arrayValue ?? []
      #expect(faults.map { $0["loc"] } == [["stream"], ["limitBytes"], ["types", 0]])
      #expect(faults.map { $0["type"] } == ["missing", "minimum", "type"])
      let positional = try wire.call(Self.request("5", "stream/read", #"["no-such-stream"]"#))
      #expect(positional?["error"]?["data"]?["type"] == "stream_not_found")
      let unknownMember = try wire.call(Self.request("6", "server/ping", #"{"later":1}"#))
      #expect(unknownMember?["result"] != nil)
    }
  }

  @Test(arguments: Route.all) func `a cancelled request is answered exactly once`(route: Route) throws {
    try withWire(route) { wire in
      try wire.initialize()
      for round in 0..<20 {
        try wire.send(
          bytes:
            wire.framed(Self.request("\(round)", "job/get", #"{"job":"job_none","waitSeconds":60}"#))
            + wire.framed(#"{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":\#(round)}}"#)
            + wire.framed(Self.request("\"after\"", "server/ping")))
        let answers = [try wire.next(), try wire.next()]
        #expect(Set(answers.map { $0?["id"] }) == [.integer(round), "after"])
        let answer = answers.first { $0?["id"] == .integer(round) }
        #expect([-32800, 404].contains(answer??["error"]?["code"]))
      }
      // Nothing more comes for any of them.
      #expect(try wire.call(Self.request("\"last\"", "server/ping"))?["id"] == "last")
    }
  }

  @Test(arguments: Wire.Way.allCases) func `a message over the limit is skipped, and the stream stays in sync`(
    way: Wire.Way
  ) throws {
    let config = #"{"limits":{"maxMessageBytes":65536}}"#
    let server = way == .inProcess ? nil : try TestServer(config: config)
    let folder = try TemporaryFolder()
    try folder.write("home/config.json", config)
    for framing in Wire.Framing.allCases {
      let wire = try Wire(way, framing, home: server?.home ?? Home(folder.path + "/home"))
      try wire.initialize()
      let large = Self.request("1", "server/ping", #"{"x":"\#(String(repeating: "y", count: 100_000))"}"#)
      let answer = try wire.call(large)
      #expect(answer?["error"]?["data"]?["type"] == "message_too_large")
      #expect(answer?["id"] == .null)
      #expect(try wire.call(Self.request("2", "server/ping"))?["result"] != nil)
    }
  }

  @Test(arguments: ["Content-Length: -5\r\n\r\n", "Content-Length: 99999999999999999999999\r\n\r\n", "garbage\r\n\r\n"])
  func `a bad header gets one -32700, and then the connection closes`(header: String) throws {
    let server = try TestServer()
    for way in [Wire.Way.socket, .stdio] {
      let wire = try Wire(way, .contentLength, home: server.home)
      try wire.initialize()
      try wire.send(bytes: Array(header.utf8))
      #expect(try wire.next()?["error"]?["code"] == -32700)
      #expect(try wire.ends())
    }
  }

  @Test(arguments: Wire.Framing.allCases) func `a session cut at every byte gets the same answers`(
    framing: Wire.Framing
  ) throws {
    let server = try TestServer()
    let sample = try Wire(.socket, framing, home: server.home)
    var session: [UInt8] = []
    for text in [
      Self.request("1", "initialize"), Self.request("2", "server/ping"), "{]", "[" + Self.request("3", "no/such") + "]",
      #"{"jsonrpc":"2.0","id":"ä😀","method":"server/ping"}"#, Self.request("4", "shutdown"),
    ] { session += sample.framed(text) }
    if framing == .contentLength {
      session = Array(
        String(decoding: session, as: UTF8.self).replacing("Content-Length:", with: "content-length: ").utf8)
    }
    var expected: [JSONValue]?
    for cut in 0..<session.count {
      let wire = try Wire(.socket, framing, home: server.home)
      try wire.send(bytes: Array(session[..<cut]))
      // The server has the first part before the second comes: it has answered what the first part holds whole.
      try wire.send(bytes: Array(session[cut...]))
      wire.endInput()
      var answers: [JSONValue] = []
      while let answer = try wire.next() { answers.append(answer) }
      #expect(answers.count == 6, "cut at \(cut)")
      if let expected { #expect(answers == expected, "cut at \(cut)") } else { expected = answers }
    }
  }
}
