import Glibc
import Platform
import Synchronization
import TestSupport

/// A TCP server between a client and a server, which can hold bytes back or cut the line.
final class Gate: Sendable {
  /// What happens when this many bytes have come from the server.
  enum Behaviour: Sendable {
    case open
    case hold(after: Int)
    case cut(after: Int)
  }

  private struct State {
    var behaviour: Behaviour
    var fromServer = 0
    var pairs: [(OwnedDescriptor, OwnedDescriptor)] = []
    var isEnded = false
  }

  let port: Int
  private let listener: ListeningSocket
  private let state: Mutex<State>

  init(to port: Int, _ behaviour: Behaviour = .open) throws {
    listener = try ListeningSocket()
    self.port = listener.port
    state = Mutex(State(behaviour: behaviour))
    startDetached("gate") { [weak self, listener] in
      while let client = try? listener.accept(), let server = try? connectLocally(port) {
        guard let self, self.add(client, server) else { return }
        startDetached("gate-up") { [weak self] in self?.carry(client, server, isFromServer: false) }
        startDetached("gate-down") { [weak self] in self?.carry(server, client, isFromServer: true) }
      }
    }
  }

  deinit {
    end()
  }

  func end() {
    let pairs = state.withLock { state in
      state.isEnded = true
      return state.pairs
    }
    for (client, server) in pairs {
      for end in [client, server] { end.withDescriptor { _ = shutdown($0, Int32(SHUT_RDWR)) } }
    }
    listener.withDescriptor { _ = shutdown($0, Int32(SHUT_RDWR)) }
  }

  func behave(_ behaviour: Behaviour) { state.withLock { $0.behaviour = behaviour } }

  /// How many bytes have come from the server.
  var fromServer: Int { state.withLock { $0.fromServer } }

  /// Cuts the line now.
  func cut() {
    for (client, server) in state.withLock({ $0.pairs }) {
      for end in [client, server] { end.withDescriptor { _ = shutdown($0, Int32(SHUT_RDWR)) } }
    }
  }

  private func add(_ client: OwnedDescriptor, _ server: OwnedDescriptor) -> Bool {
    state.withLock { state in
      state.pairs.append((client, server))
      return !state.isEnded
    }
  }

  private func carry(_ from: OwnedDescriptor, _ to: OwnedDescriptor, isFromServer: Bool) {
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    while true {
      let count = from.withDescriptor { recv($0, &buffer, buffer.count, 0) }
      if count <= 0 { break }
      var allowed = count
      let step = state.withLock { state -> Behaviour in
        if isFromServer {
          switch state.behaviour {
          case .open: break
          case .hold(let limit), .cut(let limit): allowed = max(0, min(count, limit - state.fromServer))
          }
          state.fromServer += count
        }
        return state.behaviour
      }
      let sent = to.withDescriptor { send($0, buffer, allowed, Int32(MSG_NOSIGNAL)) }
      if sent < allowed { break }
      if allowed < count {
        if case .hold = step { continue }
        break
      }
    }
    for end in [from, to] { end.withDescriptor { _ = shutdown($0, Int32(SHUT_RDWR)) } }
  }
}

/// A server that accepts and says what a test makes it say.
final class ScriptedServer: Sendable {
  let port: Int
  private let listener: ListeningSocket
  private let connections = Mutex<[OwnedDescriptor]>([])

  /// - Parameter script: Called on a thread of its own for each connection, which stays open afterwards.
  init(_ script: @escaping @Sendable (OwnedDescriptor) -> Void) throws {
    listener = try ListeningSocket()
    port = listener.port
    startDetached("scripted") { [weak self, listener] in
      while let client = try? listener.accept() {
        guard let self else { return }
        self.connections.withLock { $0.append(client) }
        startDetached("script") { script(client) }
      }
    }
  }

  deinit {
    for client in connections.withLock({ $0 }) { client.withDescriptor { _ = shutdown($0, Int32(SHUT_RDWR)) } }
    listener.withDescriptor { _ = shutdown($0, Int32(SHUT_RDWR)) }
  }

  /// How many have connected.
  var count: Int { connections.withLock { $0.count } }
}

/// Sends all of a text; false where the other side has gone.
@discardableResult
func say(_ text: String, to socket: OwnedDescriptor) -> Bool {
  let bytes = Array(text.utf8)
  return socket.withDescriptor { send($0, bytes, bytes.count, Int32(MSG_NOSIGNAL)) } == bytes.count
}
