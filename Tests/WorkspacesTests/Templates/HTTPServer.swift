import Foundation
import Platform

/// A server that Python runs for one test. Its script prints the port.
final class HTTPServer {
  let port: Int
  private let process = Process()

  init(_ home: PlacementHome, _ script: String) throws {
    process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
    process.arguments = ["-c", script]
    process.currentDirectoryURL = URL(fileURLWithPath: home.path("."))
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    var line: [UInt8] = []
    while let byte = try output.fileHandleForReading.read(upToCount: 1)?.first, byte != 10 { line.append(byte) }
    guard let port = Int(String(decoding: line, as: UTF8.self)) else {
      throw ShellFailure(script: script, output: "no port")
    }
    self.port = port
  }

  /// The script of a server of files.
  static func files(_ folder: String) -> String {
    """
    import http.server, functools, os
    class H(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *a): pass
    s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(H, directory='\(folder)'))
    print(s.server_port, flush=True); s.serve_forever()
    """
  }

  func stop() {
    // Signals may be blocked in it, as they are in the thread that started it.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}
