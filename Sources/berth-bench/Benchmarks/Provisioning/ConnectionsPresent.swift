import BerthClient
import BerthProtocol
import Platform

/// Connections of a runtime to 32 machines that have it already, beside a playbook that finds the same.
enum ConnectionsPresent {
  /// What the playbook must find, as the runtime's recipe for Debian has it.
  private static let packages = ["python3", "python3-venv"]
  /// All hosts are this machine, on which Ansible's module for apt takes its time.
  private static let rounds = 3

  static func run(_ bench: Bench) throws -> [Row] {
    guard let programs = SSHHosts.Programs.find() else {
      bench.say("there is no sshd or ssh here")
      return []
    }
    let hosts = try SSHHosts(programs, scratch: bench.scratch)
    defer { hosts.stop() }
    let instances = try Instances(hosts, bench)
    defer { instances.stop() }
    let runtime = try instances.client.request(ResourceCreateRuntime.self, .init(runtimeId: "python-system")).resource
      .id
    // Nothing is ever installed on the machine that is measured on.
    let plan = try instances.client.request(ConnectionPlan.self, .init(target: instances.ids[0], source: runtime))
    guard !plan.changes else {
      bench.say("this machine does not have all that the runtime is")
      return []
    }
    let ansible = try Ansible(hosts, scratch: bench.scratch)
    defer { ansible?.stop() }
    _ = try ansible?.ping()
    var (own, peers): ([Double], [Double]) = ([], [])
    for round in 0..<min(rounds, bench.rounds) {
      if round > 0 { try disconnect(instances) }
      own.append(try connect(runtime, instances))
      if let ansible { peers.append(try ansible.ensure(packages)) }
    }
    return [
      Row(
        "\(SSHHosts.count) connections, runtime already there", Series(values: own), beside: Ansible.name,
        peers.isEmpty ? nil : Series(values: peers), target: .ratioAtMost(1.0 / 5), figure: Figure.nanoseconds)
    ]
  }

  /// - Returns: How long it took, in nanoseconds.
  private static func connect(_ runtime: String, _ instances: Instances) throws -> Double {
    let found = try instances.forEach(ConnectionCreate.self) {
      .init(source: runtime, target: $0, waitSeconds: 600)
    }
    for started in found.results {
      guard started.created, started.connection.status == .connected else {
        let reason = started.connection.errorMessage ?? started.connection.status.rawValue
        throw BenchmarkFailure("\(started.connection.targetName) is not connected: \(reason)")
      }
    }
    return found.nanoseconds
  }

  private static func disconnect(_ instances: Instances) throws {
    let connections = try instances.client.request(ConnectionList.self, .init()).connections
    for connection in connections {
      let ended = try instances.client.request(
        ConnectionDelete.self, .init(connection: connection.id, waitSeconds: 600))
      guard ended.connection.status == .disconnected else {
        throw BenchmarkFailure("\(connection.targetName) is not disconnected: \(ended.connection.errorMessage ?? "")")
      }
    }
  }
}
