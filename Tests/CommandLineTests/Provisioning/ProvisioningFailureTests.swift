import BerthClient
import BerthProtocol
import JSON
import Testing

@testable import berth

@Suite struct ProvisioningFailureTests {
  static let statuses: [(ErrorType, berth.ExitStatus)] = [
    (.runtimeUnknown, .notFound), (.runtimeNotFound, .notFound), (.serverUnknown, .notFound),
    (.projectNotFound, .notFound), (.environmentNotFound, .notFound), (.resourceNotFound, .notFound),
    (.instanceNotFound, .notFound), (.connectionNotFound, .notFound), (.notEmpty, .conflict),
    (.resourceAmbiguous, .conflict), (.resourceConnected, .conflict), (.instanceAmbiguous, .conflict),
    (.connectionBusy, .conflict), (.connectionState, .conflict), (.hostKeyUnknown, .denied), (.hostKeyChanged, .denied),
    (.hostKeyMismatch, .conflict), (.authFailed, .denied), (.sudoRequired, .denied), (.keyUnusable, .failed),
    (.dnsFailed, .failed), (.connectRefused, .failed), (.packageLockBusy, .unavailable), (.instanceNoSpace, .failed),
    (.commandFailed, .failed),
  ]

  @Test(arguments: statuses)
  func `errors of remote machines say what to do`(type: ErrorType, status: berth.ExitStatus) {
    let failure = Failure(CallError(code: type.code, message: "m", data: ["type": .string(type.rawValue)]))
    #expect(failure.status == status)
    #expect(failure.hint?.contains("`berth ") == true)
  }

  private let fingerprint = "SHA256:sJ4N2mop9KpmuITdoiVt9ppiunmq+Fb3wz9Dcg6dtDk"

  private func failure(_ type: ErrorType, _ message: String = "m", data: JSONObject = [:]) -> Failure {
    var data = data
    data["type"] = .string(type.rawValue)
    return Failure(CallError(code: type.code, message: message, data: .object(data)), instance: "web 1")
  }

  @Test func `an unknown host key comes with the command that accepts exactly it`() {
    let unknown = failure(.hostKeyUnknown, data: ["fingerprint": .string(fingerprint)])
    #expect(unknown.hint?.contains("`berth instance trust 'web 1' \(fingerprint)`") == true)
    #expect(unknown.notes == [fingerprint])
    let told = failure(.hostKeyUnknown, "It is not known: ssh-ed25519 \(fingerprint). Compare it.")
    #expect(told.hint?.contains("`berth instance trust 'web 1' \(fingerprint)`") == true)
    #expect(told.notes.isEmpty)
    let changed = failure(.hostKeyChanged, data: ["fingerprint": .string(fingerprint)])
    #expect(changed.hint?.contains("`berth instance trust 'web 1' \(fingerprint) --replace`") == true)
  }

  @Test func `a hint names the instance, and no connection where there is none`() {
    #expect(failure(.authFailed).hint?.contains("`berth instance update 'web 1'`") == true)
    #expect(failure(.stepTimeout).hint == nil)
    #expect(failure(.instanceNotFound).hint?.contains("berth instances") == true)
  }

  @Test func `a detail that is the message again is not told`() {
    let failure = failure(
      .connectRefused, "Nothing listens.", data: ["detail": "web 1: connect_refused: Nothing listens."])
    #expect(failure.notes.isEmpty)
  }

  @Test func `several failures come down to how many, and to their status where it is the same`() {
    let (denied, absent) = (Failure("a", status: .denied, hint: "h"), Failure("b", status: .notFound))
    #expect(Failure([], of: 3, "failed")?.description == nil)
    #expect(Failure([denied], of: 1, "failed")?.hint == "h")
    let some = Failure([denied, denied], of: 3, "failed")
    #expect(some?.description == "2 of 3 failed" && some?.status == .denied)
    #expect(Failure([denied, absent], of: 2, "failed")?.status == .failed)
  }

  @Test func `a fingerprint is found in a sentence`() {
    #expect(Failure.fingerprint(in: "It shows ssh-ed25519 \(fingerprint), and not") == fingerprint)
    #expect(Failure.fingerprint(in: "It shows none") == nil)
  }

  @Test func `a connection that failed tells the last lines, and how to go on`() {
    var connection = ResourceConnection.sample
    connection.status = .failed
    let error = ConnectionError(
      type: "command_failed", message: "It ended with 100.", step: .installRuntime, exitCode: 100,
      lastLines: ["E: one", "E: two"], retryable: false)
    connection.error = error
    let failure = Failure(error, of: connection)
    #expect(failure.description == "It ended with 100.")
    #expect(failure.notes == ["| E: one", "| E: two"])
    #expect(failure.hint?.contains("`berth connection retry con_1`") == true)
    #expect(failure.status == .failed)
  }
}

@Suite struct ConnectionDisplayTests {
  @Test func `a connection's standing says what is done, and where it failed`() {
    var connection = ResourceConnection.sample
    #expect(connection.standing == "connected")
    #expect(connection.line == "Python 3.13 → web1: connected, con_1")
    connection.activity = .disconnect
    #expect(connection.standing == "disconnecting")
    (connection.activity, connection.status, connection.step) = (.connect, .connecting, .installServer)
    #expect(connection.standing == "connecting (install the server)")
    (connection.activity, connection.status) = (nil, .failed)
    #expect(connection.standing == "failed (install the server)")
  }

  @Test func `what is installed is told with its versions`() {
    var connection = ResourceConnection.sample
    func part(_ name: String, found: String? = nil, installed: String? = nil) -> ConnectionPart {
      ConnectionPart(
        name: name, row: name, provider: "apt", foundVersion: found, installedVersion: installed, uses: [],
        changes: ConnectionChanges(packages: [], paths: [], users: [], groups: []))
    }
    #expect(connection.outcome(wasThere: false) == "connected")
    connection.connectionDetails.runtime = part("python-3.13", found: "3.13.0", installed: "3.13.1")
    connection.connectionDetails.server = part("gunicorn", found: "20.1")
    #expect(connection.outcome(wasThere: false) == "connected: python-3.13 3.13.1, gunicorn 20.1")
    #expect(connection.outcome(wasThere: true) == "connected already: python-3.13 3.13.1, gunicorn 20.1")
    connection.status = .disconnected
    #expect(connection.outcome(wasThere: false) == "disconnected")
  }

  @Test func `an instance is told as SSH's own commands write it`() {
    func address(_ host: String, user: String? = nil, port: Int? = nil) -> String {
      Instance(
        id: "ins_1", name: "web1", host: host, port: port, user: user, useAgent: true, useConfig: true,
        hostKeyPolicy: .strict, secrets: [], status: .new, project: "", environment: "", position: .init(x: 0, y: 0),
        connections: 0, version: 1, createdAt: "", updatedAt: ""
      ).address
    }
    #expect(address("web1") == "web1")
    #expect(address("web1", user: "me", port: 2222) == "me@web1:2222")
    #expect(address("::1") == "::1")
    #expect(address("::1", port: 22) == "[::1]:22")
  }

  @Test func `a system's version is told once`() {
    #expect(
      InstanceOS(id: "debian", version: "12", name: "Debian GNU/Linux 12 (bookworm)").label
        == "Debian GNU/Linux 12 (bookworm)")
    #expect(InstanceOS(id: "alpine", version: "3.20", name: "Alpine Linux").label == "Alpine Linux 3.20")
  }
}

extension ResourceConnection {
  static let sample = ResourceConnection(
    id: "con_1", sourceResourceType: .runtime, sourceResourceId: "res_1", sourceName: "Python 3.13",
    targetResourceType: .instance, targetResourceId: "ins_1", targetName: "web1", status: .connected,
    connectionDetails: ConnectionDetails(), version: 1, createdAt: "", updatedAt: "")
}
