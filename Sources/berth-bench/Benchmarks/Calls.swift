import BerthClient
import BerthProtocol
import JSON
import Platform

/// Calls that do something, beside `server/ping` on the same connection.
enum Calls {
  private static let secondsPerTurn = 0.25
  private static let ping = #"{"jsonrpc":"2.0","id":@@@@@@@@,"method":"server/ping"}"#

  static func workspaceGet(_ bench: Bench) throws -> [Row] {
    try besidePing("workspace/get", bench, share: 0.2) { workspace, _ in
      #"{"jsonrpc":"2.0","id":@@@@@@@@,"method":"workspace/get","params":{"workspace":"\#(workspace)"}}"#
    }
  }

  static func fileRead(_ bench: Bench) throws -> [Row] {
    try besidePing("file/read of 4 KiB", bench, share: 1.0 / 10) { workspace, connection in
      try connection.call(
        FileWrite.self, .init(workspace: workspace, path: "notes.txt", content: SampleText.make(bytes: 4096)))
      return #"{"jsonrpc":"2.0","id":@@@@@@@@,"method":"file/read","params":"#
        + #"{"workspace":"\#(workspace)","path":"notes.txt"}}"#
    }
  }

  static func fileWrite(_ bench: Bench) throws -> [Row] {
    try besidePing("file/write of 4 KiB, atomic", bench, share: 1.0 / 30) { workspace, _ in
      let content = JSONValue.string(SampleText.make(bytes: 4096)).jsonString
      return #"{"jsonrpc":"2.0","id":@@@@@@@@,"method":"file/write","params":"#
        + #"{"workspace":"\#(workspace)","path":"notes.txt","content":\#(content)}}"#
    }
  }

  /// - Parameter request: Makes what is needed and returns the call's text, given a workspace's id.
  private static func besidePing(
    _ what: String, _ bench: Bench, share: Double, request: (String, LoadConnection) throws -> String
  ) throws -> [Row] {
    let server = try bench.startServer()
    defer { server.stop() }
    let connection = try server.connect()
    let workspace = try server.client().request(WorkspaceCreate.self, .init(name: "bench")).workspace.id
    let turns = try [request(workspace, connection), ping].map { request in
      (request, try connection.calibrated(request, inFlight: 32, seconds: secondsPerTurn))
    }
    let series = try Series.alternating(turns, rounds: bench.rounds) { request, count in
      try connection.rate(request, inFlight: 32, count: count)
    }
    return [
      Row(
        "\(what), 32 in flight", series[0], beside: "ping", series[1], target: .ratioAtLeast(share),
        figure: Figure.perSecond)
    ]
  }
}
