import BerthProtocol
import JSON
import SSH

extension ProtocolError {
  /// What is told of a failure to reach an instance.
  init(_ error: SSHError, reaching instance: String) {
    let type: ErrorType =
      switch error.code {
      case .dnsFailed: .dnsFailed
      case .connectRefused: .connectRefused
      case .connectTimeout: .connectTimeout
      case .unreachable: .hostUnreachable
      case .hostKeyUnknown: .hostKeyUnknown
      case .hostKeyChanged: .hostKeyChanged
      case .authFailed, .agentUnavailable: .authFailed
      case .keyUnreadable, .keyPassphrase: .keyUnusable
      case .timeout: .stepTimeout
      case .cancelled: .cancelled
      case .protocolFailed, .requestRefused, .closed, .tooLarge, .uploadFailed, .knownHosts, .system: .sshFailed
      }
    var extra: JSONObject = ["instance": .string(instance)]
    if let key = error.hostKey {
      extra["fingerprint"] = .string(key.fingerprint)
      extra["keyType"] = .string(key.type)
    }
    if !error.tried.isEmpty { extra["tried"] = .array(error.tried.map { .string($0) }) }
    if !error.offered.isEmpty { extra["offered"] = .array(error.offered.map { .string($0) }) }
    self.init(type, error.message, detail: "\(instance): \(error)", extra: extra)
  }

  /// The same for whatever was thrown on the way to an instance.
  init(reaching instance: String, _ error: any Error) {
    if let error = error as? SSHError {
      self.init(error, reaching: instance)
    } else {
      self.init(describing: error)
    }
  }
}
