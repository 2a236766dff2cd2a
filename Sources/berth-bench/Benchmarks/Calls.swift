import BerthClient
import BerthProtocol
import CBench
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
    let text = SampleText.make(bytes: 4096)
    let loop = Peer(name: "write and rename in C") { try replace("peer.txt", in: $0, with: text, times: $1) }
    return try besidePing("file/write of 4 KiB, atomic", bench, share: 1.0 / 30, peer: loop) { workspace, _ in
      let content = JSONValue.string(text).jsonString
      return #"{"jsonrpc":"2.0","id":@@@@@@@@,"method":"file/write","params":"#
        + #"{"workspace":"\#(workspace)","path":"notes.txt","content":\#(content)}}"#
    }
  }

  /// Something else that does the same.
  private struct Peer {
    let name: String
    /// Does it so many times in a folder.
    let run: (String, Int) throws -> Void
  }

  /// What `file/write` comes to in the end: a file that takes another's name. File systems begin to write the data out
  /// at such a rename, so this has a price that no server can avoid.
  private static func replace(_ name: String, in folder: String, with text: String, times count: Int) throws {
    let status = try Directory(path: folder).descriptor.withDescriptor { folder in
      text.withCString { berth_replace_file(folder, name, $0, text.utf8.count, count) }
    }
    guard status == 0 else { throw SystemError("rename", path: "\(folder)/\(name)") }
  }

  /// - Parameters:
  ///   - share: How often a call is to be answered for each ping.
  ///   - request: Makes what is needed and returns the call's text, given a workspace's id.
  private static func besidePing(
    _ what: String, _ bench: Bench, share: Double, peer: Peer? = nil,
    request: (String, LoadConnection) throws -> String
  ) throws -> [Row] {
    let server = try bench.startServer()
    defer { server.stop() }
    let connection = try server.connect()
    let workspace = try server.client().request(WorkspaceCreate.self, .init(name: "bench")).workspace
    let requests = try [request(workspace.id, connection), ping]
    let counts = try requests.map { try connection.calibrated($0, inFlight: 32, seconds: secondsPerTurn) }
    let turns = peer == nil ? 0..<2 : 0..<3
    let series = try Series.alternating(Array(turns), rounds: bench.rounds) { turn in
      if turn < 2 { return try connection.rate(requests[turn], inFlight: 32, count: counts[turn]) }
      let began = Timestamp.monotonicNanoseconds()
      try peer?.run(workspace.path, counts[0])
      return Double(counts[0]) / (Double(Timestamp.monotonicNanoseconds() - began) / 1e9)
    }
    let name = "\(what), 32 in flight"
    let besidePing = Row(
      name, series[0], beside: "ping", series[1], target: .ratioAtLeast(share), figure: Figure.perSecond)
    guard let peer else { return [besidePing] }
    return [besidePing, Row(name, series[0], beside: peer.name, series[2], figure: Figure.perSecond)]
  }
}
