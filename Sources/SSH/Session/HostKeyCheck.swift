/// Decides whether a host key is trusted.
struct HostKeyCheck {
  let knownHosts: KnownHosts
  let policy: HostKeyPolicy
  let endpoint: SSHEndpoint

  func check(_ key: HostKey) throws(SSHError) {
    let shown = "\(key.type) \(key.fingerprint)"
    switch knownHosts.state(of: key, host: endpoint.host, port: endpoint.port) {
    case .known: return
    case .changed(let line, let file):
      throw SSHError(
        .hostKeyChanged,
        "The host key of \(endpoint.place) is not the one that is known: it shows \(shown), and \(file) line \(line) has "
          + "another. Somebody may be in between. If the server was set up anew, remove that line and connect again.",
        hostKey: key)
    case .revoked(let line, let file):
      throw SSHError(
        .hostKeyChanged, "The host key of \(endpoint.place), \(shown), is marked as revoked in \(file) line \(line).",
        hostKey: key)
    case .unknown: break
    }
    let others = knownHosts.otherEntries(than: key, host: endpoint.host, port: endpoint.port)
    // A server in between could show a type of key that just is not known yet.
    if policy == .tofu, others.keys.isEmpty {
      do {
        return try knownHosts.accept(key, host: endpoint.host, port: endpoint.port)
      } catch let error as SSHError {
        throw error
      } catch {
        throw SSHError(.knownHosts, "The host key can't be written down: \(error).")
      }
    }
    var message = "The host key of \(endpoint.place) is not known: \(shown). Compare it with the server's own "
    message += "(ssh-keygen -lf /etc/ssh/ssh_host_…_key.pub) and accept it."
    if !others.keys.isEmpty {
      message += " Of this host another type of key is known: \(others.keys.joined(separator: ", "))."
    }
    if !others.authorities.isEmpty {
      message += " Certificates of hosts (\(others.authorities.joined(separator: ", "))) are not supported."
    }
    throw SSHError(.hostKeyUnknown, message, hostKey: key)
  }
}
