import Logging
package import BerthProtocol
import JSON
package import JSONRPC
import Platform
import Streams
import Synchronization

/// What the server knows of one connection: where it is in its life, who is at the other end, what it follows.
package final class Session: ConnectionDelegate {
  /// How the connection came about.
  package enum Transport: Sendable {
    /// A client of the socket.
    case socket
    /// Another process's standard input and output; it is told how it should exit.
    case standardStreams(exit: @Sendable (_ code: Int32) -> Void)
  }

  enum Phase {
    case uninitialized, initialized, shutDown
  }

  struct State {
    var phase = Phase.uninitialized
    var trace = TraceValue.off
    var clientInfo: ClientInfo?
    var clientProcess: ProcessWatcher.Watch?
    var answersPermissions = false
  }

  package let transport: Transport
  /// What the caller may do.
  package let scope: Scope
  package let attachments: Attachments
  let server: Server
  let state = Mutex(State())

  init(server: Server, transport: Transport, scope: Scope) {
    self.server = server
    self.transport = transport
    self.scope = scope
    attachments = Attachments(maximum: server.config.current.limits.maxAttachments, pool: server.pool)
  }

  /// Whether the client wants to be asked what agents may do.
  var answersPermissions: Bool { state.withLock { $0.answersPermissions } }

  // MARK: ConnectionDelegate

  package func route(_ method: String, isNotification: Bool) -> Route {
    guard let entry = server.methods[method], entry.description.isNotification == isNotification else {
      return .refused(.methodNotFound(method))
    }
    switch state.withLock({ $0.phase }) {
    case .uninitialized where method != Initialize.description.name && method != Exit.description.name:
      return .refused(Self.notInitialized)
    case .initialized where method == Initialize.description.name:
      return .refused(.invalidRequest("the connection is initialized already"))
    case .shutDown where method != Exit.description.name:
      return .refused(.invalidRequest("the connection has been shut down; only `exit` may follow"))
    default: break
    }
    guard entry.description.scope <= scope else {
      return .refused(
        RPCError(ProtocolError(.scopeDenied, "“\(method)” needs the scope `\(entry.description.scope.rawValue)`.")))
    }
    if server.isStopping, entry.description.lane != .inline {
      return .refused(RPCError(ProtocolError(.shuttingDown, "The server is stopping. Try again once it is back.")))
    }
    return entry.route(self)
  }

  package func rpcError(_ error: any Error) -> RPCError {
    let error = RPCError(describing: error)
    if error.code == ErrorType.internalError.code {
      server.log.error("internal error", metadata: ["detail": "\(error)"])
    }
    return error
  }

  package func answered(_ method: String, nanoseconds: UInt64, connection: Connection) {
    let trace = state.withLock { $0.trace }
    guard trace != .off else { return }
    let milliseconds = Double(nanoseconds / 1000) / 1000
    connection.send(
      LogTraceNotification.self,
      .init(
        message: "\(method) answered in \(milliseconds) ms",
        verbose: trace == .verbose ? "open requests: \(connection.inFlight)" : nil))
  }

  package func closed(_ connection: Connection) {
    attachments.endAll()
    server.questions.forget(connection)
    let (phase, watch) = state.withLock { ($0.phase, $0.clientProcess) }
    if let watch { server.processes.cancel(watch) }
    server.sessionEnded(self)
    if case .standardStreams(let exit) = transport { exit(phase == .shutDown ? 0 : 1) }
  }

  private static let notInitialized = RPCError(
    ProtocolError(.notInitialized, "The connection has not been initialized. Call `initialize` first."))
}

extension Scope: Comparable {
  package static func < (a: Scope, b: Scope) -> Bool { a.rank < b.rank }

  private var rank: Int {
    switch self {
    case .none: 0
    case .read: 1
    case .write: 2
    case .admin: 3
    }
  }
}
