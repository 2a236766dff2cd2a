package import BerthProtocol
import GRDB
import JSON
import Platform
import SSH

/// Sessions: one an instance, shared by all that is done there, and kept for what follows.
extension InstanceService {
  /// How an instance is reached today.
  func access(_ instance: Instance) throws -> InstanceAccess {
    try InstanceAccess(
      instance, secrets: try store.read { db in try secrets.open(of: instance.id, in: db) }, user: user)
  }

  private var limits: SSHLimits {
    let config = config()
    return SSHLimits(connectSeconds: config.connectSeconds, authSeconds: config.authSeconds)
  }

  /// Logs in, where no session is open.
  ///
  /// - Throws: What of `dns_failed`, `connect_refused`, … it is. The instance tells it too.
  func machine(_ id: String) async throws -> Machine {
    let instance = try find(id)
    let access = try access(instance)
    let began = Timestamp.monotonicNanoseconds()
    let knownHosts = knownHosts
    let limits = limits
    let isNew = Flag()
    do {
      let session = try await sessions.session(instance.id) {
        isNew.set()
        return try await Self.connect(to: access.target, knownHosts, limits)
      }
      let elapsed = isNew.isSet ? Double(Timestamp.monotonicNanoseconds() - began) / 1e6 : 0
      return Machine(instance: instance, access: access, session: session, connectMilliseconds: elapsed)
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      let failure = ProtocolError(reaching: instance.name, error)
      note(failure, of: instance)
      throw failure
    }
  }

  /// How long is waited before a server that hung up at once is tried again, in seconds: it does so, too, where many log
  /// in at a time.
  private static let pauses = [0.2, 1]

  private static func connect(
    to target: SSHTarget, _ knownHosts: KnownHosts, _ limits: SSHLimits
  ) async throws -> SSHSession {
    for pause in pauses {
      do {
        return try await SSHSession.connect(to: target, knownHosts: knownHosts, limits: limits)
      } catch let error as SSHError where error.code == .closed || error.code == .protocolFailed {
        try await Task.sleep(for: .seconds(pause))
      }
    }
    return try await SSHSession.connect(to: target, knownHosts: knownHosts, limits: limits)
  }

  /// Writes down why an instance could not be reached.
  private func note(_ failure: ProtocolError, of instance: Instance) {
    _ = try? change(instance.id) { instance, _ in
      instance.status = .unreachable
      instance.fault = InstanceFault(type: failure.type.rawValue, message: failure.message, at: Timestamp.now())
    }
  }

  // MARK: Probing

  /// `instance/probe`.
  package func probe(_ params: InstanceProbe.Params) async throws -> InstanceProbeResult {
    let instance = try find(params.instance)
    return try await within(params.timeoutSeconds) {
      let machine = try await self.machine(instance.id)
      do {
        return try await self.look(machine).result
      } catch let error as ProtocolError where error.type == .sshFailed && machine.connectMilliseconds == 0 {
        // The session that was kept has been cut meanwhile.
        self.sessions.drop(instance.id)
        return try await self.look(self.machine(instance.id)).result
      }
    }
  }

  /// Finds out what the machine is, and writes it down.
  func look(_ machine: Machine) async throws -> (result: InstanceProbeResult, facts: InstanceFacts) {
    let outcome: Machine.Outcome
    do {
      outcome = try await machine.run(MachineProbe.script, timeoutSeconds: Machine.shortSeconds)
    } catch {
      throw ProtocolError(reaching: machine.instance.name, error)
    }
    guard var facts = MachineProbe.facts(outcome.records) else {
      throw ProtocolError(
        .unsupportedOs, "\(machine.instance.name) does not have a POSIX shell, or none that answers as one.")
    }
    if facts.elevation == .sudoPassword { facts.elevation = try await tryPassword(machine) }
    let found = facts
    let instance = try change(machine.instance.id) { instance, _ in
      instance.status = .ready
      instance.facts = found
      instance.fault = nil
      let key = machine.session.hostKey
      instance.hostKey = HostKeyInfo(type: key.type, fingerprint: key.fingerprint)
    }
    let result = InstanceProbeResult(
      instance: instance, connectMs: machine.connectMilliseconds, latencyMs: outcome.latencyMilliseconds,
      warnings: machine.access.warnings)
    return (result, facts)
  }

  /// Whether sudo takes the password that is kept.
  private func tryPassword(_ machine: Machine) async throws -> Elevation {
    guard let password = machine.access.sudoPassword else { return .sudoPassword }
    let outcome = try await machine.run(
      "printf 'root %s\\n' \"$(id -u)\" >&3", elevation: .sudo(password: password),
      timeoutSeconds: Machine.shortSeconds)
    return outcome.records["root"] == "0" ? .sudoPassword : .none
  }

  // MARK: Host keys

  /// `instance/acceptHostKey`: asks the machine for its key, and accepts it where it is the one that was meant.
  package func acceptHostKey(_ params: InstanceAcceptHostKey.Params) async throws -> Instance {
    let instance = try find(params.instance)
    let target = try access(instance).target
    let hops = target.jumps + [target]
    for hop in hops {
      let shown: SSHError
      do {
        try await SSHSession.connect(
          to: Self.asking(target, upTo: hop), knownHosts: knownHosts, limits: limits
        ).close()
        continue
      } catch let error as SSHError {
        shown = error
      }
      guard let key = shown.hostKey, shown.code == .hostKeyUnknown || shown.code == .hostKeyChanged else {
        // It was let in as far as the key: all is well with that.
        if shown.code == .authFailed || shown.code == .keyUnreadable || shown.code == .keyPassphrase { continue }
        throw ProtocolError(shown, reaching: instance.name)
      }
      guard key.fingerprint == params.fingerprint else {
        throw Self.mismatch(hop, key.fingerprint, params, ["keyType": .string(key.type)])
      }
      if shown.code == .hostKeyChanged {
        guard params.replace else { throw ProtocolError(shown, reaching: instance.name) }
        try knownHosts.forget(host: hop.endpoint.host, port: hop.endpoint.port)
        sessions.drop(instance.id)
      }
      try knownHosts.accept(key, host: hop.endpoint.host, port: hop.endpoint.port)
      return try change(instance.id) { instance, _ in
        instance.hostKey = HostKeyInfo(type: key.type, fingerprint: key.fingerprint)
        instance.fault = nil
        instance.status = instance.facts == nil ? .new : .ready
      }
    }
    // Each shows what is known of it.
    let known = hops.flatMap { knownHosts.fingerprints(host: $0.endpoint.host, port: $0.endpoint.port) }
    guard known.contains(params.fingerprint) else {
      throw Self.mismatch(target, known.last ?? "none", params)
    }
    return try find(instance.id)
  }

  private static func mismatch(
    _ hop: SSHTarget, _ fingerprint: String, _ params: InstanceAcceptHostKey.Params, _ extra: JSONObject = [:]
  ) -> ProtocolError {
    var extra = extra
    extra["fingerprint"] = .string(fingerprint)
    return ProtocolError(
      .hostKeyMismatch,
      "\(hop.endpoint.host) shows the key \(fingerprint), not \(params.fingerprint). Compare it with the machine itself.",
      extra: extra)
  }

  /// The way to one of the machines of a target.
  private static func asking(_ target: SSHTarget, upTo hop: SSHTarget) -> SSHTarget {
    var asked = hop
    asked.hostKeyPolicy = .strict
    if hop.endpoint == target.endpoint {
      asked.jumps = target.jumps
    } else if let index = target.jumps.firstIndex(where: { $0.endpoint == hop.endpoint }) {
      asked.jumps = Array(target.jumps[..<index])
    }
    return asked
  }
}
