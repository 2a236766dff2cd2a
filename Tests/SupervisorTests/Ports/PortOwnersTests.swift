import BerthProtocol
import Foundation
import Platform
import TestSupport
import Testing

@testable import Supervisor

@Suite struct PortOwnersTests {
  @Test func `Both tables of listening sockets tell the same`() throws {
    let sockets = try [ListeningSocket.Address.any, .loopback, .any6].map { try ListeningSocket(on: $0) }
    let ports = Set(sockets.map(\.port))
    let asked = try Listener.asked().filter { ports.contains($0.port) }
    let read = try Listener.read().filter { ports.contains($0.port) }
    #expect(Set(asked) == Set(read) && asked.count == 3)
    #expect(Set(asked.map(\.address)) == ["0.0.0.0", "127.0.0.1", "::"])
    #expect(asked.allSatisfy { $0.uid == getuid() })
    withExtendedLifetime(sockets) {}
  }

  @Test func `Listeners are told from ports that nobody listens on, many at once`() throws {
    let sockets = try (0..<50).map { _ in try ListeningSocket() }
    let ports = Set(sockets.map(\.port))
    #expect(try PortOwners.listening(ports.union([1])) == ports)
    let owners = try PortOwners.find(ports)
    #expect(owners.count == 50)
    #expect(owners.values.allSatisfy { $0.first?.process?.pid == getpid() })
    withExtendedLifetime(sockets) {}
  }

  @Test func `The process that listens is told with its start and its command`() throws {
    let port = try ListeningSocket().port
    let program = """
      import socket,sys,time
      s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
      s.bind(('127.0.0.1', \(port))); s.listen(); sys.stdout.write('u'); sys.stdout.flush(); sys.stdin.read()
      """
    let child = Process()
    child.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    child.arguments = ["python3", "-c", program, "--password", "hunter2"]
    let (input, output) = (Pipe(), Pipe())
    (child.standardInput, child.standardOutput) = (input, output)
    try child.run()
    defer { child.terminate() }
    #expect(output.fileHandleForReading.availableData == Data("u".utf8))
    let process = try #require(try PortOwners.find(port).first?.process)
    #expect(process.pid == child.processIdentifier)
    #expect(process.startTime == ProcessEntry(child.processIdentifier)?.startTime)
    #expect(process.command.contains("python3") && process.command.hasSuffix("--password ***"))
    let ancestry = ProcessTree.ancestry(of: process.pid)
    #expect(ancestry.prefix(2).map(\.pid) == [process.pid, getpid()])
  }

  @Test func `A listener whose process can't be seen still has a user`() {
    let row = "   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 42 1 0 100"
    let listener = Listener.parse("  sl  local_address\n" + row).first
    #expect(listener?.port == 8080 && listener?.address == "127.0.0.1" && listener?.inode == 42)
    let owner = listener.map { PortOwner(listener: $0, process: nil) }
    #expect(owner?.description == "a process of user 1001 that can't be seen from here")
    #expect(owner?.holder.uid == 1001 && owner?.holder.pid == nil)
    #expect(Listener.parse("nonsense\n0: x 0A\n").isEmpty)
  }

  @Test(arguments: [
    "7 (a) b) S 1 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 123456 0 0",
    "7 (a b) (c) S 1 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 123456 0 0",
    "7 () S 1 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 123456 0 0",
    "7 (x\n1 (y) S 1 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 123456 0 0",
  ])
  func `A process is read whatever its name`(stat: String) throws {
    let entry = try #require(ProcessEntry(stat: Array(stat.utf8)))
    #expect(entry.pid == 7 && entry.parent == 1 && entry.startTime == 123_456 && entry.state == "S")
  }

  @Test func `What is no process is none`() {
    for stat in ["", "7", "7 (", "7 (x)", ")(", "7 (x) S 1", "x (x) S"] {
      #expect(ProcessEntry(stat: Array(stat.utf8)) == nil)
    }
    #expect(ProcessEntry(0) == nil && ProcessTree.ancestry(of: 99_999_999).isEmpty)
    let chain = ProcessTree.ancestry(of: getpid())
    #expect(chain.first?.pid == getpid() && zip(chain, chain.dropFirst()).allSatisfy { $0.parent == $1.pid })
  }

  @Test(arguments: [
    (["psql", "postgres://me:pw@host/db"], "psql postgres://me:***@host/db"),
    (["x", "--password=abc", "--token", "abc", "-v"], "x --password=*** --token *** -v"),
    (["x", "--api-key", "k", "DB_PASSWORD=abc"], "x --api-key *** DB_PASSWORD=***"),
    (["curl", "-H", "Authorization: Bearer abc.def"], "curl -H Authorization: Bearer ***"),
    (["sh", "-c", "SECRET=a node server.js --port 3000"], "sh -c SECRET=*** node server.js --port 3000"),
    (["x", "sk-abcdefghijklmnop", "key=ghp_abcdefghijklmnop"], "x *** key=***"),
    (["node", "server.mjs", "--max-old-space-size=100"], "node server.mjs --max-old-space-size=100"),
  ])
  func `Arguments that look like secrets are not told`(arguments: [String], line: String) {
    #expect(ProcessCommand.withoutSecrets(arguments).joined(separator: " ") == line)
  }
}
