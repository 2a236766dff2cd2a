import BerthClient
import Glibc
import JSON
import Platform
import TestSupport
import Testing

/// Replays what `Protocol/examples` says against the real server.
@Suite struct ExampleTests {
  @Test(arguments: try Example.all()) func `does as the example says`(_ example: Example) throws {
    let folder = try TemporaryFolder()
    let blackhole = try BlackHole()
    var values = ExampleValues([
      "tmp": .string(folder.path + "/tmp"), "home": .string(folder.path + "/home"), "blackhole": .string(blackhole.url),
    ])
    let wantsMachine = example.json["machine"] == true
    if wantsMachine, !TestMachine.isInstalled { return }
    let machine = wantsMachine ? try TestMachine { $0.hostKeys = [.ed25519] } : nil
    if let machine {
      values["port"] = .integer(machine.port)
      values["key"] = .string(TestMachine.Key.ed25519.path)
      values["fingerprint"] = .string(try machine.fingerprint())
    }
    mkdir(folder.path + "/tmp", 0o755)
    for file in example.json["files"]?.objectValue?.members ?? [] {
      try folder.write("tmp/\(file.key)", file.value.stringValue ?? "")
    }
    let wire = try Wire(.inProcess, .contentLength, home: Home(folder.path + "/home"))
    var session = ExampleSession(wire: wire)
    if example.json["initialize"] != false { _ = try session.call("initialize", ["protocolVersions": ["1"]]) }

    for call in example.setup {
      let result = try #require(try session.result(call, values), "setup: \(call.method)")
      for capture in call.capture.members {
        values[capture.key] = result.value(at: capture.value.stringValue ?? "")
      }
    }
    try check(example, &session, &values)
    for call in example.then { #expect(try session.result(call, values) != nil, "then: \(call.method)") }
    for wanted in example.json["notifications"]?.arrayValue ?? [] {
      #expect(try session.receives(ExamplePattern(pattern: try values.fill(wanted))), "\(wanted.jsonString)")
    }
    if example.json["closes"] == true { #expect(try session.wire.ends()) }
  }

  private func check(_ example: Example, _ session: inout ExampleSession, _ values: inout ExampleValues) throws {
    let params = try example.json["params"].map { try values.fill($0) }
    if example.isNotification {
      try session.notify(example.method, params)
      if example.json["closes"] != true { #expect(try session.call("server/ping", nil)["result"] != nil) }
    } else {
      let answer = try session.call(example.method, params)
      values["result"] = answer["result"]
      for member in ["result", "error"] {
        guard let wanted = example.json[member] else { continue }
        let mismatch = ExamplePattern(pattern: try values.fill(wanted)).mismatch(answer[member])
        #expect(mismatch == nil, "\(answer.jsonString)")
      }
    }
  }
}

/// A connection that keeps the notifications which come between the answers.
struct ExampleSession {
  let wire: Wire
  private var notifications: [JSONValue] = []
  private var lastID = 0

  init(wire: Wire) {
    self.wire = wire
  }

  mutating func call(_ method: String, _ params: JSONValue?) throws -> JSONValue {
    lastID += 1
    var message: JSONObject = ["jsonrpc": "2.0", "id": .integer(lastID), "method": .string(method)]
    message["params"] = params
    try wire.send(JSONValue.object(message).jsonString)
    while true {
      let answer = try #require(try wire.next(timeoutSeconds: 40), "no answer to \(method)")
      if answer["id"] == .integer(lastID) { return answer }
      notifications.append(answer)
    }
  }

  mutating func result(_ call: Example.Call, _ values: ExampleValues) throws -> JSONValue? {
    let answer = try self.call(call.method, try call.params.map { try values.fill($0) })
    if let error = answer["error"] { Issue.record("\(call.method): \(error.jsonString)") }
    return answer["result"]
  }

  func notify(_ method: String, _ params: JSONValue?) throws {
    var message: JSONObject = ["jsonrpc": "2.0", "method": .string(method)]
    message["params"] = params
    try wire.send(JSONValue.object(message).jsonString)
  }

  /// Waits for a notification that matches; others are passed over.
  mutating func receives(_ pattern: ExamplePattern) throws -> Bool {
    while true {
      while !notifications.isEmpty { if pattern.mismatch(notifications.removeFirst()) == nil { return true } }
      guard let message = try wire.next() else { return false }
      notifications.append(message)
    }
  }
}

/// A port that takes connections and never answers.
final class BlackHole {
  private let listener: OwnedDescriptor
  let url: String

  init() throws {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard number >= 0 else { throw SystemError("socket") }
    listener = OwnedDescriptor(adopting: number)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        bind(number, generic, length) == 0 && listen(number, 8) == 0 && getsockname(number, generic, &length) == 0
      }
    }
    guard result else { throw SystemError("bind") }
    url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
  }
}
