import BerthProtocol

extension Instance {
  /// Where it is, as SSH's own commands write it.
  var address: String {
    let host = port != nil && host.contains(":") ? "[\(host)]" : host
    return (user.map { "\($0)@" } ?? "") + host + (port.map { ":\($0)" } ?? "")
  }
}

extension InstanceFacts {
  /// The system, in a few words: `Debian GNU/Linux 12, x86_64`.
  var system: String { "\(os.label), \(architecture)" }

  /// The same, with its size: what a line has room for.
  var summary: String {
    [
      system, Humanize.count(cpus, "CPU"), "\(Humanize.bytes(memoryBytes)) memory",
      "\(Humanize.bytes(diskFreeBytes)) disk free", elevation.words,
    ].joined(separator: ", ")
  }
}

extension InstanceOS {
  /// Its name, with the version where the name does not tell it.
  var label: String { name.contains(version) ? name : "\(name) \(version)" }
}

extension Elevation {
  /// How the user becomes root.
  var words: String {
    switch self {
    case .root: "root"
    case .sudo: "sudo"
    case .sudoPassword: "sudo with a password"
    case .doas: "doas"
    case .none: "can't become root"
    }
  }
}

extension Context {
  /// Prints all that is known of an instance.
  func print(_ instance: Instance) {
    var details = Details()
    details.add("instance", instance.name, .bold)
    details.add("id", instance.id)
    details.add("address", instance.address)
    details.add("status", instance.status.rawValue, instance.status.look)
    if instance.status == .unreachable, let fault = instance.fault {
      details.add("because", fault.message, .red)
      details.add("since", time(fault.at))
    }
    details.add("identity", instance.identityFile)
    details.add("agent", instance.useAgent ? nil : "is not asked for keys")
    details.add("ssh config", instance.useConfig ? nil : "does not count")
    details.add("jump", instance.proxyJump)
    details.add("host key", instance.hostKey.map { "\($0.type) \($0.fingerprint)" })
    details.add("unknown keys", instance.hostKeyPolicy == .tofu ? "the first one is accepted" : nil)
    for secret in instance.secrets { details.add("secret", SecretName(secret).word) }
    if let facts = instance.facts { details.add(facts, time) }
    details.add("connections", "\(instance.connections)")
    details.add("project", instance.project)
    details.add("environment", instance.environment)
    details.add("version", "\(instance.version)")
    details.add("added", time(instance.createdAt))
    details.add("changed", time(instance.updatedAt))
    output.print(details)
  }
}

extension Details {
  fileprivate mutating func add(_ facts: InstanceFacts, _ time: (String) -> String) {
    add("system", facts.os.label)
    add("family", facts.os.family?.rawValue ?? "none that is known", facts.os.family == nil ? .yellow : .plain)
    add("kernel", facts.kernel)
    add("machine", facts.architecture)
    add("libc", facts.libc.isEmpty ? nil : facts.libc)
    add("init", facts.initSystem)
    add("host name", facts.hostName)
    add("user", facts.user)
    add("root", facts.elevation.words, facts.elevation == .none ? .yellow : .plain)
    add("processors", "\(facts.cpus)")
    add("memory", "\(Humanize.bytes(facts.memoryBytes)), \(Humanize.bytes(facts.memoryAvailableBytes)) available")
    add("disk", "\(Humanize.bytes(facts.diskBytes)), \(Humanize.bytes(facts.diskFreeBytes)) free")
    add("probed", time(facts.probedAt))
  }
}
