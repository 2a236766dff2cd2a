import Platform
import NIOCore
import Synchronization
import BerthProtocol
import JSON
import JSONRPC

/// The methods of the connection's own life (`protocol.md`: Lifecycle).
extension Session {
  func initialize(_ params: Initialize.Params, connection: Connection) throws -> InitializeResult {
    if let versions = params.protocolVersions, !versions.contains(Server.protocolVersion) {
      throw ProtocolError(
        .unsupportedVersion,
        "The server speaks protocol version \(Server.protocolVersion), the client \(versions.joined(separator: ", ")).",
        extra: ["supportedVersions": .array([.string(Server.protocolVersion)])])
    }
    state.withLock { state in
      state.phase = .initialized
      state.clientInfo = params.clientInfo
      state.trace = params.trace ?? .off
      state.answersPermissions = params.capabilities?["permissions"]?.boolValue ?? false
    }
    if let process = params.processId { watchClient(process, connection: connection) }
    return InitializeResult(
      protocolVersion: Server.protocolVersion,
      supportedVersions: [Server.protocolVersion],
      serverInfo: ServerInfo(name: "berth", version: Server.version),
      instanceId: server.instanceID,
      capabilities: [:],
      families: JSONObject(MethodTable.families.map { .init(key: $0, value: [:]) }),
      limits: Limits(
        maxMessageBytes: connection.configuration.maximumMessageBytes,
        maxInFlight: connection.configuration.maximumInFlight,
        maxBatch: connection.configuration.maximumBatch))
  }

  func shutdown() -> NullResult {
    state.withLock { $0.phase = .shutDown }
    return NullResult()
  }

  func setTrace(_ params: SetTrace.Params) {
    state.withLock { $0.trace = params.value }
  }

  /// Closes the connection when the client's process dies. A process that can't be seen is not watched: it may live in
  /// another PID namespace.
  private func watchClient(_ process: Int, connection: Connection) {
    guard let process = Int32(exactly: process) else { return }
    let eventLoop = connection.eventLoop
    let watch = server.processes.watch(process) { eventLoop.execute { connection.close() } }
    state.withLock { $0.clientProcess = watch }
  }
}
