import ArgumentParser
import BerthClient
import BerthProtocol
import JSON
import Testing

@testable import berth

@Suite struct ArgumentTests {
  @Test func `parameters are JSON or assignments`() throws {
    #expect(try CallCommand.params([]) == nil)
    #expect(try CallCommand.params([#"{"a": 1}"#]) == ["a": 1])
    #expect(try CallCommand.params(["[1, 2]"]) == [1, 2])
    #expect(
      try CallCommand.params(["a=1", "b:=1", "c:=[true]", "d=x=y"]) == ["a": "1", "b": 1, "c": [true], "d": "x=y"])
    #expect(throws: Failure.self) { try CallCommand.params(["word"]) }
    #expect(throws: Failure.self) { try CallCommand.params(["{a}"]) }
    #expect(throws: Failure.self) { try CallCommand.params(["a:=nonsense"]) }
  }

  @Test func `assignments are split at the first sign`() {
    #expect(Assignment(argument: "a=b=c")?.value == "b=c")
    #expect(Assignment(argument: "a=")?.value == "")
    #expect(Assignment(argument: "=b") == nil)
    #expect(Assignment(argument: "a") == nil)
  }

  @Test func `a template is a name, a folder or a URL`() throws {
    func source(_ text: String, ref: String? = nil) throws -> TemplateSource {
      let options = try TemplateOptions.parse(ref.map { ["--ref", $0] } ?? [])
      return try TemplateReference(text, options: options).source(options)
    }
    #expect(try source("swift-tool").name == "swift-tool")
    #expect(try source("/usr").folder == "/usr")
    #expect(try source("/usr", ref: "main").url == "/usr")
    #expect(try source("https://example.com/a.git", ref: "v1").ref == "v1")
    #expect(try source("git@example.com:a/b").url == "git@example.com:a/b")
    #expect(try source("site.tar.gz").url?.hasSuffix("/site.tar.gz") == true)
    #expect(try source("./missing.zip").url?.hasPrefix("/") == true)
  }

  @Test func `a member of the configuration becomes a patch`() {
    let path = ConfigPath(argument: "server.logLevel")
    #expect(path?.patch("debug") == ["server": ["logLevel": "debug"]])
    #expect(path?.value(in: ["server": ["logLevel": "info"]]) == "info")
    #expect(path?.value(in: ["server": [:]]) == nil)
    #expect(ConfigPath(argument: "a..b") == nil)
    #expect(ConfigPath(argument: "") == nil)
  }

  @Test func `permission bits are octal`() {
    #expect(FileMode(argument: "0755")?.bits == 0o755)
    #expect(FileMode(argument: "644")?.bits == 0o644)
    #expect(FileMode(argument: "888") == nil)
    #expect(FileMode(argument: "1777") == nil)
  }

  @Test func `every command has help`() {
    func check(_ command: any ParsableCommand.Type) {
      #expect(!command.configuration.abstract.isEmpty, "\(command)")
      for subcommand in command.configuration.subcommands { check(subcommand) }
    }
    check(Berth.self)
  }
}

@Suite struct FailureTests {
  static let statuses: [(ErrorType, berth.ExitStatus)] = [
    (.workspaceNotFound, .notFound), (.versionConflict, .conflict), (.workspaceBusy, .conflict),
    (.invalidParams, .usage), (.permissionDenied, .denied), (.shuttingDown, .unavailable), (.noSpace, .failed),
    (.cancelled, .interrupted), (.ioError, .failed),
  ]

  @Test(arguments: statuses)
  func `the status says what kind of failure it was`(type: ErrorType, status: berth.ExitStatus) {
    let error = CallError(code: type.code, message: "m", data: ["type": .string(type.rawValue), "detail": "m"])
    #expect(Failure(error).status == status)
  }

  @Test func `every fault is a row, and nothing is said twice`() {
    func notes(_ message: String, _ detail: String) -> [String] {
      let fault: JSONValue = ["loc": ["labels", 0], "msg": "must be a string", "type": "type"]
      let data: JSONValue = ["type": "invalid_params", "detail": .string(detail), "errors": [fault]]
      return Failure(CallError(code: -32602, message: message, data: data)).notes
    }
    #expect(notes("Wrong.", "d") == ["d", "labels.[0]: must be a string"])
    #expect(notes("Wrong.", "labels.0: must be a string") == ["labels.[0]: must be a string"])
    #expect(notes("Wrong: labels.0 must be a string.", "labels.0 must be a string") == [])
  }

  @Test func `a job that failed fails as its error does`() {
    var job = Job(
      id: "job_1", kind: .export, title: "", state: .failed, stream: "job/job_1", version: 1, createdAt: "")
    job.error = JobError(
      code: 409, message: "Something is there.", type: "already_exists", detail: "d", retryable: false)
    #expect(Failure(job).status == .conflict)
    job.state = .cancelled
    #expect(Failure(job).status == .failed)
    #expect(Failure(JobFailed(job: job, wasInterrupted: true)).status == .interrupted)
  }
}
