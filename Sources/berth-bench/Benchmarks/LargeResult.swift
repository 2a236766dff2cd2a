import BerthClient
import BerthProtocol
import Platform

/// One answer that is large: a text file of 16 MB.
enum LargeResult {
  private static let bytes = 16_000_000

  static func run(_ bench: Bench) throws -> [Row] {
    let server = try bench.startServer()
    defer { server.stop() }
    let connection = try server.connect()
    let workspace = try server.client().request(WorkspaceCreate.self, .init(name: "bench")).workspace
    try SmallFile.replace(workspace.path + "/large.txt", with: Array(SampleText.make(bytes: bytes).utf8))
    let request =
      #"{"jsonrpc":"2.0","id":@@@@@@@@,"method":"file/read","params":"#
      + #"{"workspace":"\#(workspace.id)","path":"large.txt"}}"#
    _ = try connection.rate(request, inFlight: 1, count: 2)
    let series = try Series.alternating([connection], rounds: bench.rounds) {
      try $0.rate(request, inFlight: 1, count: 4) * Double(bytes)
    }
    return [
      Row(
        "one result of 16 MB", Figure.bytesPerSecond(series[0].median), target: .atLeast(.bytesPerSecond(250e6)))
    ]
  }
}
