import SSH
import Synchronization

/// The shells that are open, by their connections.
final class Terminals: Sendable {
  private let channels = Mutex<[String: SSHChannel]>([:])

  subscript(connection: String) -> SSHChannel? { channels.withLock { $0[connection] } }

  var isEmpty: Bool { channels.withLock { $0.isEmpty } }

  func add(_ channel: SSHChannel, _ connection: String) {
    channels.withLock { $0[connection] = channel }
  }

  func remove(_ connection: String) -> SSHChannel? {
    channels.withLock { $0.removeValue(forKey: connection) }
  }
}
