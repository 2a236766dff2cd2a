import BerthClient
import BerthProtocol
import JSON
import Platform

/// A server that knows hosts as instances.
final class Instances {
  let hosts: SSHHosts
  private(set) var server: BerthServer
  private(set) var client: Client
  let ids: [String]

  init(_ hosts: SSHHosts, _ bench: Bench) throws {
    self.hosts = hosts
    let server = try bench.startServer()
    let client = try server.client()
    (self.server, self.client) = (server, client)
    ids = try hosts.addresses.map { address in
      let params = InstanceCreate.Params(
        host: address, port: hosts.port, user: hosts.user, identityFile: hosts.key, useAgent: false, useConfig: false,
        hostKeyPolicy: .tofu)
      return try client.request(InstanceCreate.self, params).instance.id
    }
    // Their host keys are known afterwards, as they are to the peers.
    _ = try probe()
  }

  /// Calls a method for every instance, all at once. - Returns: The results, and how long it took, in nanoseconds.
  func forEach<M: Method>(
    _ method: M.Type, _ params: (String) -> M.Params
  ) throws -> (results: [M.Result], nanoseconds: Double) {
    let began = Timestamp.monotonicNanoseconds()
    let calls = try ids.map { try client.begin(M.description.name, params: params($0)) }
    let results = try calls.map { try client.result(of: $0, as: method) }
    return (results, Double(Timestamp.monotonicNanoseconds() - began))
  }

  /// Looks at all of them. - Returns: How long it took, in nanoseconds.
  func probe() throws -> Double { try forEach(InstanceProbe.self) { .init(instance: $0) }.nanoseconds }

  /// Leaves no session open: the server is another one afterwards.
  func forgetSessions() throws {
    server.kill()
    server = try server.startAgain()
    client = try server.client()
  }

  func stop() { server.stop() }
}
