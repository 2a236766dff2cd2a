import ArgumentParser
import BerthProtocol
import JSON
import Platform

/// `berth job`: work that takes a while.
struct JobCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "job",
    abstract: "List, follow and cancel jobs.",
    subcommands: [List.self, Get.self, Follow.self, Cancel.self],
    aliases: ["jobs"])
}

struct JobArgument: ParsableArguments {
  @Argument(help: "The job's id.", completion: .custom { _, _, _ in Completion.jobs() })
  var job: String
}

extension JobCommand {
  struct List: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List jobs, newest first.", aliases: ["ls"])

    @Option(name: .shortAndLong, help: "Only those of this workspace.")
    var workspace: String?

    @Option(help: "Only those in this state, such as running or failed. May be repeated.")
    var state: [JobState] = []

    @Option(name: [.customShort("n"), .long], help: "At most so many.")
    var limit = 50

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let workspace = try workspace.map(context.reference)
      var jobs: [Job] = []
      var cursor: String?
      repeat {
        let page = try context.request(
          JobList.self,
          .init(
            workspace: workspace, states: state.isEmpty ? nil : state, limit: min(1000, max(1, limit - jobs.count)),
            cursor: cursor))
        jobs += page.jobs
        cursor = page.nextCursor
      } while cursor != nil && jobs.count < limit
      if context.json { return context.output.json(jobs) }
      let isTerminal = context.output.isTerminal
      var table = Table(.left("ID"), .left("STATE"), .text("TITLE"), .text("PROGRESS"), .left("BEGUN"))
      for job in jobs {
        let begun = job.startedAt ?? job.createdAt
        table.add(
          .init(job.id), .init(job.state.rawValue, job.state.look), .init(job.title),
          .init(job.outcome, .dim), .init(isTerminal ? Humanize.age(begun) : begun, .dim))
      }
      context.output.print(table)
    }
  }

  struct Get: ServerCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show one job.", aliases: ["show"])

    @OptionGroup var target: JobArgument

    @Option(help: "Wait for its end, at most so many seconds.")
    var wait: Double?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let job = try context.request(JobGet.self, .init(job: target.job, waitSeconds: wait ?? 0))
      context.show(job, context.print)
    }
  }

  struct Follow: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "follow",
      abstract: "Show a job's progress until it ends. Ctrl-C cancels it.",
      discussion: "Fails where the job does.")

    @OptionGroup var target: JobArgument
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let job = try context.request(JobGet.self, .init(job: target.job))
      try context.settle(job, detach: false, context.print)
    }
  }

  struct Cancel: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "cancel",
      abstract: "Cancel jobs, and wait until what they had staged is removed.")

    @Argument(help: "The jobs' ids.", completion: .custom { _, _, _ in Completion.jobs() })
    var jobs: [String]

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      var cancelled: [Job] = []
      for id in jobs {
        let job = try context.request(JobCancel.self, .init(job: id))
        cancelled.append(job)
        if !context.json { context.output.line("\(job.id) is \(job.state.rawValue)") }
      }
      if context.json { context.output.json(cancelled) }
    }
  }
}

extension Job {
  /// How far it has come; how long it took, or why it failed.
  var outcome: String {
    if let error { return error.message }
    guard hasEnded else { return shortProgress }
    guard state == .succeeded else { return "" }
    guard let began = startedAt.flatMap(Timestamp.nanoseconds), let ended = endedAt.flatMap(Timestamp.nanoseconds)
    else {
      return ""
    }
    return "took \(Humanize.duration(seconds: Double(ended - began) / 1e9))"
  }

  /// How far it has come, in a few words.
  var shortProgress: String {
    guard let progress else { return "" }
    guard let total = progress.total, total > 0 else { return progress.message }
    return "\(progress.message) \(progress.completed * 100 / total) %"
  }
}

extension JobState: ExpressibleByArgument {
  var look: Style.Look {
    switch self {
    case .queued: .dim
    case .running: .cyan
    case .succeeded: .green
    case .failed: .red
    case .cancelled, .interrupted: .yellow
    }
  }
}

extension Context {
  func print(_ job: Job) {
    var details = Details()
    details.add("job", job.title, .bold)
    details.add("id", job.id)
    details.add("state", job.state.rawValue, job.state.look)
    details.add("workspace", job.workspace)
    details.add("progress", job.hasEnded || job.progress == nil ? nil : job.shortProgress)
    details.add("error", job.error?.message, .red)
    details.add("because", job.error.flatMap { $0.detail == $0.message ? nil : $0.detail })
    for member in job.result?.members ?? [] {
      switch member.value {
      case .object, .array: details.add(member.key, member.value.jsonString)
      default: details.add(member.key, member.value.stringValue ?? member.value.jsonString)
      }
    }
    details.add("stream", job.stream)
    details.add("asked for", time(job.createdAt))
    details.add("began", job.startedAt.map(time))
    details.add("ended", job.endedAt.map(time))
    output.print(details)
  }
}
