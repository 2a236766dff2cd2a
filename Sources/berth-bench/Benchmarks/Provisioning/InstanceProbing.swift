import Platform

/// A look at 32 machines at once, beside Ansible's ping and OpenSSH's clients side by side.
enum InstanceProbing {
  static func run(_ bench: Bench) throws -> [Row] {
    guard let programs = SSHHosts.Programs.find() else {
      bench.say("there is no sshd or ssh here")
      return []
    }
    let hosts = try SSHHosts(programs, scratch: bench.scratch)
    defer { hosts.stop() }
    let ansible = try Ansible(hosts, scratch: bench.scratch)
    defer { ansible?.stop() }
    let instances = try Instances(hosts, bench)
    defer { instances.stop() }
    var (cold, warm, clients): ([Double], [Double], [Double]) = ([], [], [])
    var (coldAnsible, warmAnsible): ([Double], [Double]) = ([], [])
    for _ in 0..<bench.rounds {
      try instances.forgetSessions()
      cold.append(try instances.probe())
      warm.append(try instances.probe())
      clients.append(try hosts.runEverywhere("true"))
      guard let ansible else { continue }
      ansible.forgetConnections()
      coldAnsible.append(try ansible.ping())
      warmAnsible.append(try ansible.ping())
    }
    func beside(_ values: [Double]) -> Series? { values.isEmpty ? nil : Series(values: values) }
    let what = "probe of \(SSHHosts.count) instances, cold"
    let figure = { Figure.nanoseconds($0) }
    return [
      Row(
        what, Series(values: cold), beside: Ansible.name, beside(coldAnsible), target: .ratioAtMost(1.0 / 5),
        figure: figure),
      Row(what, Series(values: cold), beside: "ssh", beside(clients), target: .ratioAtMost(1), figure: figure),
      Row(
        "the same, sessions warm", Series(values: warm), beside: Ansible.name, beside(warmAnsible),
        target: .ratioAtMost(1.0 / 20), figure: figure),
    ]
  }
}
