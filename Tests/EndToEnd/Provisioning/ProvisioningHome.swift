import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform
import TestSupport
import Testing

/// A server that provisions, and what is asked of it in the tests.
final class ProvisioningHome {
  let server: TestServer
  private(set) var client: Client

  /// - Parameters:
  ///   - config: The configuration's `provisioning`.
  ///   - diskBytes: How much the disk of the home holds; nil for a folder as any.
  init(_ config: JSONObject = [:], diskBytes: Int? = nil) throws {
    server = try TestServer(
      config: JSONValue.object(["provisioning": .object(config)]).jsonString, diskBytes: diskBytes)
    client = try server.connect()
  }

  deinit {
    server.kill()
  }

  // MARK: Instances

  /// Makes a machine known, with the host key that it has.
  @discardableResult
  func add(
    _ machine: TestMachine, as user: TestMachine.User = .root, name: String = "machine",
    key: TestMachine.Key? = .ed25519,
    secrets: JSONObject? = nil, policy: BerthProtocol.HostKeyPolicy = .tofu,
    address: String = "127.0.0.1"
  ) throws -> Instance {
    try client.request(
      InstanceCreate.self,
      .init(
        host: address, name: name, port: machine.port, user: user.rawValue, identityFile: key?.path, useAgent: false,
        useConfig: false, hostKeyPolicy: policy, secrets: secrets)
    ).instance
  }

  func probe(_ instance: String = "machine") throws -> InstanceProbeResult {
    try client.request(InstanceProbe.self, .init(instance: instance))
  }

  /// The error that a call is answered with.
  func refusal<M: Method>(_ method: M.Type, _ params: M.Params) -> CallError? {
    do {
      _ = try client.request(method, params)
      return nil
    } catch let error as CallError {
      return error
    } catch {
      Issue.record("\(M.description.name): \(error)")
      return nil
    }
  }

  // MARK: Connections

  /// A resource for a runtime of the catalog.
  @discardableResult
  func runtime(_ id: String, server: String? = nil, name: String? = nil) throws -> Resource {
    try client.request(
      ResourceCreateRuntime.self, .init(runtimeId: id, name: name, applicationServer: server)
    ).resource
  }

  /// Connects, and waits until nothing is being done any more.
  @discardableResult
  func connect(_ source: Resource, to target: String = "machine", seconds: Double = 600) throws -> ResourceConnection {
    try client.request(
      ConnectionCreate.self, .init(source: source.id, target: target, waitSeconds: seconds)
    ).connection
  }

  /// Begins to connect.
  func begin(_ source: Resource, to target: String = "machine") throws -> ConnectionStarted {
    try client.request(ConnectionCreate.self, .init(source: source.id, target: target))
  }

  @discardableResult
  func disconnect(_ connection: String, force: Bool = false) throws -> ResourceConnection {
    try client.request(
      ConnectionDelete.self, .init(connection: connection, force: force, waitSeconds: 600)
    ).connection
  }

  func connection(_ id: String, waitSeconds: Double = 0) throws -> ResourceConnection {
    try client.request(ConnectionGet.self, .init(connection: id, waitSeconds: waitSeconds))
  }

  /// Waits until a step of a connection is at work.
  func until(_ id: String, _ step: ConnectionStep) throws {
    let came = try waits(seconds: 120) {
      let connection = try self.connection(id)
      return connection.step == step || connection.activity == nil
    }
    guard came else { throw DeadlinePassed(description: "the step \(step) has not come: \(try connection(id))") }
  }

  /// Waits until the job of a connection has told of something in its output.
  func until(output text: String, of job: String) throws {
    guard try waits(seconds: 120, { try self.output(job).contains(text) }) else {
      throw DeadlinePassed(description: "“\(text)” was not written: \(try output(job))")
    }
  }

  // MARK: Jobs

  func job(_ id: String, waitSeconds: Double = 120) throws -> Job {
    try client.request(JobGet.self, .init(job: id, waitSeconds: waitSeconds))
  }

  /// Runs a command on an instance to its end.
  func exec(
    _ command: String, on instance: String = "machine", input: String? = nil, elevate: Bool = false,
    timeoutSeconds: Double? = nil
  ) throws -> Job {
    try client.request(
      InstanceExec.self,
      .init(
        instance: instance, command: command, input: input, elevate: elevate, timeoutSeconds: timeoutSeconds,
        waitSeconds: 120)
    ).job
  }

  /// What a job's stream has, of some types.
  func events(_ job: String, _ types: [String]? = nil) throws -> [StreamEvent] {
    var events: [StreamEvent] = []
    var after: String?
    while true {
      let page = try client.request(
        StreamRead.self, .init(stream: "job/\(job)", after: after, limitBytes: 4 << 20, types: types))
      events += page.events
      after = page.next
      if page.eof || page.caughtUp { return events }
    }
  }

  /// What was written in a job, to one output or to both.
  func output(_ job: String, _ source: OutputSource? = nil) throws -> String {
    try events(job, [EventType.execOutput]).compactMap { event in
      guard source == nil || event.payload["source"]?.stringValue == source?.rawValue else { return nil }
      return event.payload["text"]?.stringValue
    }.joined()
  }

  // MARK: The server

  /// Kills the server as a crash would, and starts another.
  func crash() throws {
    server.kill()
    try server.start()
    client = try server.connect()
  }

  /// Stops the server in order, and starts another.
  func restart() throws {
    _ = server.terminate()
    try server.start()
    client = try server.connect()
  }
}

/// Compares a machine with what it was, and tells what differs.
func expectUnchanged(
  _ machine: TestMachine, since before: MachineInventory, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let differences = before.differences(to: try machine.inventory())
  #expect(differences == [], sourceLocation: sourceLocation)
}
