import BerthProtocol
import Glibc
import JSON
import Platform
import TestSupport
import Testing

/// Clients of every kind on one workspace of one server, which the first of them has started.
@Suite(.serialized, .enabled(if: Programs.areThere, "needs python3, node and tsc"))
struct CompanyTests {
  enum End: Sendable, CaseIterable {
    case inGoodOrder, killed
  }

  /// A home whose server is ended with the test, however it was started.
  private final class StartedHome {
    let folder: TemporaryFolder
    let home: Home

    init() throws {
      folder = try TemporaryFolder()
      home = Home(folder.path + "/home")
    }

    var record: ServerRecord? { ServerRecord(home: home) }

    deinit {
      if let record { kill(Int32(record.pid), SIGKILL) }
    }
  }

  @Test(arguments: End.allCases)
  func `all see what each of them writes, and the end of the first harms nobody`(end: End) throws {
    let started = try StartedHome()
    let first = try Participant(.stdio, home: started.home)
    let record = try #require(started.record)
    try first.create(started.folder.path + "/ws")
    let others = try Participant.Kind.allCases.dropFirst().map { try Participant($0, home: started.home) }
    let all = [first] + others
    for participant in all { try participant.join() }
    for participant in all { try participant.write("\(participant.name)-hello") }
    for participant in all { try participant.hasSeen(all.map { "\($0.name)-hello" }) }

    // The others are in the middle of their work when it goes, and it is itself.
    let numbers = 0..<20
    for number in numbers {
      for participant in number < 10 ? all : others { try participant.write("\(participant.name)-\(number)") }
      if number == 9 { try Self.end(first, end) }
    }
    for participant in others {
      try participant.hasWritten(numbers.map { "\(participant.name)-\($0)" })
      try participant.hasSeen(others.flatMap { other in numbers.map { "\(other.name)-\($0)" } })
    }

    // State changes reach them too.
    try others[0].rename("renamed")
    for participant in others {
      try participant.hasSeen(["renamed"])
      #expect(participant.failures.isEmpty, "\(participant.name)")
    }
    #expect(started.record?.instanceID == record.instanceID)
  }

  private static func end(_ first: Participant, _ end: End) throws {
    switch end {
    case .killed: first.wire.kill()
    case .inGoodOrder:
      try first.request("bye", "shutdown", [:])
      try first.wire.send(#"{"jsonrpc":"2.0","method":"exit"}"#)
      while try first.wire.next() != nil {}
      #expect(first.wire.exitCode() == 0)
    }
  }
}
