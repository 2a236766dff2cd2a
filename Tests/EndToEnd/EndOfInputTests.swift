import JSON
import Platform
import TestSupport
import Testing

/// What a peer has sent before its end of input is answered, and arrives, however slowly it reads.
@Suite(.serialized) struct EndOfInputTests {
  private static func answers(_ route: ConformanceTests.Route, _ requests: [String]) throws -> [JSONValue] {
    let server = route.way == .inProcess ? nil : try TestServer()
    let folder = try TemporaryFolder()
    try folder.write("ws/f", String(repeating: "0123456789abcdef", count: 20_000))
    let wire = try Wire(route.way, route.framing, home: server?.home ?? Home(folder.path + "/home"))
    try wire.initialize()
    let path = folder.path + "/ws"
    _ = try wire.call(
      #"{"jsonrpc":"2.0","id":"w","method":"workspace/create","params":{"key":"w","path":"\#(path)"}}"#)
    try wire.send(bytes: requests.flatMap(wire.framed))
    wire.endInput()
    var answers: [JSONValue] = []
    while let answer = try wire.next() { answers.append(answer) }
    return answers
  }

  @Test(arguments: ConformanceTests.Route.all)
  func `answers that do not fit between server and peer all arrive`(route: ConformanceTests.Route) throws {
    let answers = try Self.answers(
      route,
      (0..<8).map {
        #"{"jsonrpc":"2.0","id":\#($0),"method":"file/read","params":{"workspace":"w","path":"f"}}"#
      })
    #expect(Set(answers.map { $0["id"] }) == Set((0..<8).map { .integer($0) }))
    #expect(answers.allSatisfy { $0["result"]?["size"] == 320_000 })
  }

  @Test(arguments: ConformanceTests.Route.all)
  func `requests that still wait for others are all answered`(route: ConformanceTests.Route) throws {
    let count = 600
    let answers = try Self.answers(
      route,
      (0..<count).map {
        #"{"jsonrpc":"2.0","id":\#($0),"method":"file/stat","params":{"workspace":"w","path":"f"}}"#
      })
    #expect(Set(answers.map { $0["id"] }) == Set((0..<count).map { .integer($0) }))
    #expect(answers.allSatisfy { $0["error"] == nil })
  }
}
