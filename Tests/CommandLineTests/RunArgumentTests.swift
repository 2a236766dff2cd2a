import ArgumentParser
import BerthClient
import BerthProtocol
import JSON
import Testing

@testable import berth

@Suite struct RunArgumentTests {
  private func start(_ arguments: String...) throws -> RunCommand.Start? {
    try Berth.parseAsRoot(["run"] + arguments) as? RunCommand.Start
  }

  @Test func `a run is started without a word for that`() throws {
    #expect(try start("fix the tests")?.prompt == "fix the tests")
    #expect(try start("-a", "coder", "fix it", "--quiet")?.prompt == "fix it")
    #expect(try start("start", "show")?.prompt == "show")
    #expect(try start("--", "show")?.prompt == "show")
    #expect(try start("-a", "coder", "show")?.prompt == "show")
    #expect(try start("--", "-x")?.prompt == "-x")
    #expect(try Berth.parseAsRoot(["run", "show", "run_1"]) is RunCommand.Show)
    #expect(try Berth.parseAsRoot(["run", "attach", "run_1", "--from-start"]) is RunCommand.Attach)
    #expect(throws: (any Error).self) { try start("fix", "the", "tests") }
  }

  @Test func `a run's options are read`() throws {
    let run = try #require(
      try start(
        "x", "--agent", "coder", "-w", "shop", "--file", "a", "-f", "b", "--image", "c.png", "--mode", "plan",
        "--option", "model=x=y", "--permissions", "deny", "--deadline", "1.5", "--priority", "-5", "--continue"))
    #expect(run.attachments.file == ["a", "b"] && run.attachments.image == ["c.png"])
    #expect(run.option.dictionary == ["model": "x=y"])
    #expect(run.permissions == .deny && run.deadline == 1.5 && run.priority == -5 && run.continues)
    #expect(throws: (any Error).self) { try start("x", "--continue", "--session", "ags_1") }
    #expect(throws: (any Error).self) { try start("x", "--permissions", "maybe") }
  }

  @Test func `a prompt has words`() throws {
    #expect(try PromptAttachments.text("fix it") == "fix it")
    #expect(throws: Failure.self) { try PromptAttachments.text("  \n") }
    #expect(PromptAttachments.mimeType("a/b.JPG") == "image/jpeg")
    #expect(PromptAttachments.mimeType("b") == "image/png")
  }

  private func declared(_ arguments: String...) throws -> JSONValue {
    let command = try #require(try Berth.parseAsRoot(["agent", "add", "coder"] + arguments) as? AgentCommand.Add)
    return .object(command.members(replacing: nil))
  }

  @Test func `an agent is a preset, a program or a model`() throws {
    #expect(try declared("--preset", "claude") == ["preset": "claude"])
    #expect(
      try declared("--command", "sh", "--arg", "-c", "--arg", "cat", "--env", "A=b=c")
        == ["kind": "command", "command": "sh", "args": ["-c", "cat"], "env": ["A": "b=c"]])
    #expect(
      try declared("--command", "coder", "--acp", "--permissions", "allow")
        == ["kind": "acp", "command": "coder", "permissions": "allow"])
    #expect(
      try declared("--url", "http://127.0.0.1:1/v1", "--model", "m")
        == ["kind": "model", "baseUrl": "http://127.0.0.1:1/v1", "model": "m"])
    for wrong in [[], ["--preset", "p", "--command", "c"], ["--url", "u"], ["--preset", "p", "--arg", "x"]] {
      #expect(throws: (any Error).self) { try Berth.parseAsRoot(["agent", "add", "coder"] + wrong) }
    }
  }

  @Test func `an agent that takes another's place keeps nothing of it`() throws {
    let command = try #require(
      try Berth.parseAsRoot(["agent", "add", "coder", "--preset", "p"]) as? AgentCommand.Add)
    var before = AgentConfig()
    before.kind = .command
    before.command = "sh"
    let members = command.members(replacing: before)
    #expect(members["kind"] == .null && members["command"] == .null && members["preset"] == "p")
    #expect(members["permissions"] == .null)
  }

  static let statuses: [(ErrorType, berth.ExitStatus)] = [
    (.agentNotFound, .notFound), (.sessionNotFound, .notFound), (.runNotFound, .notFound),
    (.permissionNotFound, .notFound), (.runEnded, .conflict), (.agentInvalid, .failed),
  ]

  @Test(arguments: statuses)
  func `errors of agents and runs say what to do`(type: ErrorType, status: berth.ExitStatus) {
    let failure = Failure(CallError(code: type.code, message: "m", data: ["type": .string(type.rawValue)]))
    #expect(failure.status == status)
    #expect(failure.hint?.contains("`berth ") == true)
  }
}
