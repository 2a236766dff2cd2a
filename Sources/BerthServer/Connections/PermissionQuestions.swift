import Agents
import BerthProtocol
import JSON
import JSONRPC
import Streams
import Synchronization

/// Which connections were asked which questions of agents.
final class PermissionQuestions: Sendable {
  private struct Asked {
    let connection: Connection
    let id: RequestID
  }

  private let asked = Mutex<[String: [Asked]]>([:])

  /// Asks a connection, once for each question.
  func ask(
    _ permission: Permission, _ connection: Connection, answered: @escaping @Sendable (PermissionAnswer) -> Void
  ) {
    asked.withLock { asked in
      guard !asked[permission.id, default: []].contains(where: { $0.connection === connection }) else { return }
      let params = AgentRunRequestPermission.Params(permission: permission).jsonBytes()
      let id = connection.ask(AgentRunRequestPermission.description.name, params: params) { result in
        // A client that can't answer leaves the question to others.
        guard case .success(let value) = result,
          let answer = try? Decoding.decode(PermissionAnswer.self, from: value)
        else { return }
        answered(answer)
      }
      asked[permission.id, default: []].append(Asked(connection: connection, id: id))
    }
  }

  /// Takes a question back from all who were asked.
  func withdraw(_ permission: String) {
    for asked in asked.withLock({ $0.removeValue(forKey: permission) }) ?? [] {
      asked.connection.withdraw(asked.id)
    }
  }

  /// Forgets a connection that is gone.
  func forget(_ connection: Connection) {
    asked.withLock { asked in
      for key in asked.keys { asked[key]?.removeAll { $0.connection === connection } }
    }
  }
}

extension Server {
  /// Asks those who follow a run what its agent asks, and takes back what has been answered.
  func ask(_ permissions: [Permission]) {
    for permission in permissions {
      guard permission.state == .open else {
        questions.withdraw(permission.id)
        continue
      }
      for (session, connection) in state.withLock({ Array($0.sessions.values) })
      where session.answersPermissions && session.attachments.isFollowing("run/\(permission.run)") {
        ask(permission, connection)
      }
    }
  }

  /// Asks a connection that begins to follow a run what is open of it.
  func askWhatIsOpen(of stream: String, _ session: Session, _ connection: Connection) {
    guard session.answersPermissions, stream.hasPrefix("run/") else { return }
    for permission in domains.agents.openPermissions(of: String(stream.dropFirst(4))) { ask(permission, connection) }
  }

  private func ask(_ permission: Permission, _ connection: Connection) {
    let agents = domains.agents
    questions.ask(permission, connection) { answer in
      Task(executorPreference: self.pool) {
        // Where another was faster, or the option is none of the question's, it stays as it is.
        _ = try? agents.respond(
          AgentRunRespondPermission.Params(permission: permission.id, option: answer.option))
      }
    }
  }
}
