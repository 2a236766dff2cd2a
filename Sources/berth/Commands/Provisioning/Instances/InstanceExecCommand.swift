import ArgumentParser
import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform

extension InstanceCommand {
  struct Exec: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "exec",
      abstract: "Run a command on an instance; its output and its exit code are this one's.",
      discussion: """
        One word is a command line for the user's shell there; of several, each stays a word. Ctrl-C, and whatever \
        else ends this program, ends the command and what it has started; a second Ctrl-C leaves at once. With --json, \
        one event a line, and at last the job.
        """)

    @OptionGroup var target: InstanceArgument

    @Argument(help: "The command, behind `--` where it has options of its own.")
    var command: [String]

    @Flag(help: "Run it as root.")
    var root = false

    @Flag(name: .shortAndLong, help: "Give it what standard input holds.")
    var input = false

    @Option(help: "How long it may take, in seconds. Default: as long as it needs.")
    var timeout: Double?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func validate() throws {
      if command.isEmpty { throw ValidationError("Missing expected argument '<command> ...'") }
    }

    func run(_ context: Context) throws {
      var text: String?
      if input {
        guard let whole = String(validating: try Input.readAll(), as: UTF8.self) else {
          throw Failure("what standard input holds is not UTF-8", status: .usage)
        }
        text = whole
      }
      let params = InstanceExec.Params(
        instance: target.instance, command: ShellWord.commandLine(command), input: text, elevate: root,
        timeoutSeconds: timeout, attach: true, idempotencyKey: Identifier.make("cli"))
      do {
        try ExecFollower(context).run(params)
      } catch let error as CallError {
        throw Failure(error, instance: target.instance)
      }
    }
  }
}

/// Shows what a command on an instance writes, until it ends.
final class ExecFollower {
  private let context: Context
  private let cancellation: JobCancellation
  private var job: Job?
  private var cursor: String?

  init(_ context: Context) {
    self.context = context
    cancellation = JobCancellation(context) {
      Messages.line(Style.errors(.dim, "cancelling; Ctrl-C again leaves at once"))
    }
  }

  /// - Throws: The command's exit code; `Failure` where it could not be run.
  func run(_ params: InstanceExec.Params) throws {
    try Interrupts.observe(endings: true) { [cancellation] in cancellation.want() }
    BrokenPipe.before { [cancellation] in cancellation.cancelAll() }
    try context.reconnecting { _ in
      try readStream(try attach(params))
      guard let begun = job else { return }
      // The stream may end a moment before the job does.
      job = try context.request(JobGet.self, .init(job: begun.id, waitSeconds: 30))
    }
    guard let job else { return }
    if context.json { context.output.jsonLine(job) }
    context.output.flush()
    try end(job)
  }

  /// Begins it, or goes on where another server was left. - Returns: The attachment.
  private func attach(_ params: InstanceExec.Params) throws -> String? {
    if let job {
      return try context.request(StreamAttach.self, .init(stream: job.stream, after: cursor)).attachment
    }
    // Asked for again where the server has gone before it answered, it begins nothing twice.
    let started = try context.request(InstanceExec.self, params)
    job = started.job
    cancellation.began(started.job.id)
    return try started.attachment
      ?? context.request(StreamAttach.self, .init(stream: started.job.stream)).attachment
  }

  private func readStream(_ attachment: String?) throws {
    guard let attachment else { return }
    let events = StreamEvents(try context.client, attachment: attachment)
    events.onGap = { Messages.line(Style.errors(.yellow, "output is missing here: \($0.reason.rawValue)")) }
    while let event = try events.next() {
      cursor = event.cursor
      if context.json {
        context.output.jsonLine(event)
      } else if event.type == EventType.execOutput, let text = event.payload["text"]?.stringValue {
        show(text, isError: event.payload["source"]?.stringValue == OutputSource.stderr.rawValue)
      }
      if !events.hasMore { context.output.flush() }
    }
  }

  private func show(_ text: String, isError: Bool) {
    guard isError else { return context.output.write(text.utf8) }
    // In the order in which they came, where both are to be seen in one place.
    context.output.flush()
    Messages.write(text)
  }

  private func end(_ job: Job) throws {
    guard job.state == .succeeded else { throw failure(job) }
    let result = try job.result(as: ExecJobResult.self)
    if let signal = result?.signal {
      Messages.line("ended by SIG\(DisplayText.safe(signal))")
      throw cancellation.isWanted ? ArgumentParser.ExitCode(130) : Self.status(ofSignal: signal)
    }
    let code = result?.exitCode ?? 0
    if code != 0 { throw ArgumentParser.ExitCode(Int32(truncatingIfNeeded: code)) }
  }

  private func failure(_ job: Job) -> Failure {
    if job.state == .cancelled { return Failure("the command was cancelled", status: .interrupted) }
    if job.state == .interrupted {
      return Failure("the server ended before the command did; what it had done by then is done")
    }
    var failure = Failure(job)
    if let error = job.error, let type = ErrorType(rawValue: error.type), let instance = job.subject {
      let shown = try? context.request(InstanceGet.self, .init(instance: instance))
      failure.name(instance: shown?.name ?? instance, type, fingerprint: shown?.hostKey?.fingerprint)
    }
    return failure
  }

  /// The status that shells give to what a signal has ended: 128 and its number, where that is the same everywhere.
  static func status(ofSignal name: String) -> ArgumentParser.ExitCode {
    let numbers: [String: Int32] = [
      "HUP": SIGHUP, "INT": SIGINT, "QUIT": SIGQUIT, "ILL": SIGILL, "ABRT": SIGABRT, "FPE": SIGFPE, "KILL": SIGKILL,
      "SEGV": SIGSEGV, "PIPE": SIGPIPE, "ALRM": SIGALRM, "TERM": SIGTERM,
    ]
    return ArgumentParser.ExitCode(numbers[name].map { 128 + $0 } ?? ExitStatus.failed.rawValue)
  }
}
