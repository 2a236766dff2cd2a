import BerthServer
import Glibc
import Platform

/// Runs a server in this process, to its end.
enum ServerProcess {
  /// The home's server, on its socket.
  static func serveForeground(_ options: Server.Options) async throws {
    ProcessStatus.raiseOpenFileLimit()
    let server = try Server(options)
    try observeSignals(server)
    try await server.listen()
    await ended(server)
  }

  /// A server without a socket, for the one client at standard input and output.
  static func serveInProcess(_ options: Server.Options) async throws {
    ProcessStatus.raiseOpenFileLimit()
    let input = try OwnedDescriptor.takeStandard(STDIN_FILENO, replacement: .null)
    let output = try OwnedDescriptor.takeStandard(STDOUT_FILENO, replacement: .standardError)
    let server = try Server(options)
    try observeSignals(server)
    let streams = try StandardStreams(input: input, output: output)
    let result = ExitCode()
    try await server.serve(input: streams.input, output: streams.output) { code in
      result.set(code)
      server.stop(graceSeconds: 0)
    }
    await ended(server)
    streams.finish()
    exit(result.value)
  }

  private static func observeSignals(_ server: Server) throws {
    try TerminationSignals.observe { signal in
      switch signal {
      case .terminate: server.stop()
      case .hangUp: server.configMayHaveChanged()
      }
    }
  }

  private static func ended(_ server: Server) async {
    await withCheckedContinuation { continuation in
      startDetached("berth-wait") {
        server.waitUntilStopped()
        continuation.resume()
      }
    }
  }
}
