import BerthProtocol
import JSON
import TestSupport
import Testing

@testable import Agents

@Suite(.timeLimit(.minutes(3))) struct ModelPermissionTests {
  private func write(_ id: String, _ path: String) -> [ScriptedProvider.Part] {
    .calls(.call(id, "write_file", ["path": .string(path), "content": "x"]))
  }

  /// Answers the next question of a run.
  private func answer(_ run: RunContext, _ fixture: ModelFixture, _ kind: PermissionKind?, after: Int = 0) async throws
  {
    try await fixture.home.event("permission.requested", of: run) { ($0["seq"]?.intValue ?? 0) > after }
    let permission = try #require(run.openPermissions.first)
    _ = try run.resolve(permission.id, permission.options.first { $0.kind == kind }, by: .client)
  }

  @Test func `it asks before it writes, with what it would do`() async throws {
    let fixture = try await ModelFixture(write("a", "new.txt"), .answer("Done."))
    let run = try fixture.run(permissions: .ask)
    let task = fixture.begin(run)
    let event = try await fixture.home.event("permission.requested", of: run)
    #expect(try fixture.home.text("new.txt") == nil && run.record.run.state == .waiting)
    let permission = try #require(event["permission"])
    #expect(permission["title"] == "Write new.txt" && permission["toolCall"]?["id"] == "a")
    #expect(permission["toolCall"]?["content"]?.arrayValue?.first?["newText"] == "x")
    try await answer(run, fixture, .allowOnce)
    #expect(try await task.value(within: 30).stopReason == .endTurn)
    #expect(try fixture.home.text("new.txt") == "x")
  }

  @Test func `a no is the call's result, and so is a question that is dismissed`() async throws {
    for kind in [PermissionKind.rejectOnce, nil] {
      let fixture = try await ModelFixture(write("a", "new.txt"), .answer("All right."))
      let run = try fixture.run(permissions: .ask)
      let task = fixture.begin(run)
      try await answer(run, fixture, kind)
      #expect(try await task.value(within: 30).stopReason == .endTurn)
      #expect(try fixture.result(of: "a")?.hasPrefix("The user did not allow this") == true)
      #expect(try fixture.home.text("new.txt") == nil)
    }
  }

  @Test func `yes or no for good holds for the tool in all of the session`() async throws {
    let fixture = try await ModelFixture(
      write("a", "1"), write("b", "2"), .answer("ok"), write("c", "3"),
      .calls(.call("d", "run_command", ["command": "touch 4"])),
      .calls(.call("e", "run_command", ["command": "touch 5"])), .answer("ok"))
    let first = try fixture.run(permissions: .ask)
    let task = fixture.begin(first)
    try await answer(first, fixture, .allowAlways)
    #expect(try await task.value(within: 30).stopReason == .endTurn)
    let second = try fixture.run(permissions: .ask)
    let other = fixture.begin(second)
    try await answer(second, fixture, .rejectAlways)
    #expect(try await other.value(within: 30).stopReason == .endTurn)
    #expect(try fixture.home.events(second).of("permission.requested").count == 1)
    for (name, isThere) in [("1", true), ("2", true), ("3", true), ("4", false), ("5", false)] {
      #expect(try (fixture.home.text(name) != nil) == isThere, "\(name)")
    }
  }

  @Test func `a policy answers at once`() async throws {
    let fixture = try await ModelFixture(write("a", "1"), .answer("ok"), write("b", "2"), .answer("ok"))
    #expect(try await fixture.carry(fixture.run(permissions: .deny)).stopReason == .endTurn)
    #expect(try await fixture.carry(fixture.run(permissions: .allow)).stopReason == .endTurn)
    #expect(try fixture.home.text("1") == nil && fixture.home.text("2") == "x")
  }

  @Test func `a run is cancelled while it asks, and what was asked is interrupted for the next one`() async throws {
    let fixture = try await ModelFixture(write("a", "1"), .answer("ok"))
    let run = try fixture.run(permissions: .ask)
    let task = fixture.begin(run)
    try await fixture.home.event("permission.requested", of: run)
    try run.cancel(graceSeconds: 1)
    #expect(try await task.value(within: 10).isCancelled && run.openPermissions.isEmpty)
    #expect(try fixture.home.text("1") == nil)
    try await fixture.carry(fixture.run("Go on."))
    #expect(fixture.sent(1).map { $0["role"]?.stringValue } == ["user", "assistant", "tool", "user"])
    #expect(fixture.sent(1)[2]["content"]?.stringValue?.hasPrefix("Interrupted") == true)
  }
}
