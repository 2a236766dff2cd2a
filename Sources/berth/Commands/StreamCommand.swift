import ArgumentParser
import BerthClient
import BerthProtocol
import JSON

/// `berth stream`: journals that anybody can follow.
struct StreamCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stream",
    abstract: "Read, follow and write streams of events.",
    subcommands: [List.self, Read.self, Follow.self, Append.self])
}

struct StreamArgument: ParsableArguments {
  @Argument(
    help: "The stream, such as `events` or `server/log`.",
    completion: .custom { _, _, _ in Completion.streams() })
  var stream: String
}

extension StreamCommand {
  struct List: ServerCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List streams.", aliases: ["ls"])

    @Argument(help: "Only those whose name begins so.")
    var prefix: String?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      var streams: [StreamInfo] = []
      var cursor: String?
      repeat {
        let page = try context.request(StreamList.self, .init(prefix: prefix, limit: 1000, cursor: cursor))
        streams += page.streams
        cursor = page.nextCursor
      } while cursor != nil
      if context.json { return context.output.json(streams) }
      let isTerminal = context.output.isTerminal
      var table = Table(
        .text("STREAM"), .left("KIND"), .left("STATE"), .right("EVENTS"), .right("SIZE"), .left("BEGUN"))
      for stream in streams {
        table.add(
          .init(stream.name, .bold), .init(stream.kind.rawValue),
          .init(stream.state.rawValue, stream.state == .open ? .green : .dim),
          .init(stream.kind == .log ? "-" : "\(stream.events)"),
          .init(isTerminal ? Humanize.bytes(stream.bytes) : "\(stream.bytes)"),
          .init(isTerminal ? Humanize.age(stream.createdAt) : stream.createdAt, .dim))
      }
      context.output.print(table)
    }
  }

  struct Read: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "read",
      abstract: "Print the events that a stream holds.",
      discussion: "With --json, one event a line; the `cursor` of the last one continues with --after.",
      aliases: ["cat"])

    @OptionGroup var target: StreamArgument
    @OptionGroup var position: StreamPositionOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      try context.follow(
        .init(
          stream: target.stream, after: position.after, tail: position.tail, follow: false, types: position.types))
    }
  }

  struct Follow: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "follow",
      abstract: "Print a stream's events as they come, until it ends or Ctrl-C.",
      discussion: """
        Begins with what comes from now on; --tail and --after go further back. When the server is restarted, it \
        goes on where it was.
        """,
      aliases: ["tail"])

    @OptionGroup var target: StreamArgument
    @OptionGroup var position: StreamPositionOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let tail = position.after == nil ? position.tail ?? 0 : position.tail
      try context.follow(
        .init(stream: target.stream, after: position.after, tail: tail, follow: true, types: position.types))
    }
  }
}

/// From where, and which events.
struct StreamPositionOptions: ParsableArguments {
  @Option(help: "Begin after the event of this cursor.")
  var after: String?

  @Option(name: [.customShort("n"), .long], help: "Begin with the last so many events.")
  var tail: Int?

  @Option(name: .shortAndLong, help: "Only events of this type; `job.*` for all that begin so. May be repeated.")
  var type: [String] = []

  var types: [String]? { type.isEmpty ? nil : type }

  func validate() throws {
    if after != nil, tail != nil { throw ValidationError("--after and --tail exclude each other.") }
  }
}

extension Context {
  /// Prints the events of a stream until its end; goes on where it was after the server was restarted.
  func follow(_ params: StreamAttach.Params) throws {
    var params = params
    try reconnecting(isWorthwhile: params.follow) { _ in
      let attachment = try request(StreamAttach.self, params)
      let events = StreamEvents(try client, attachment: attachment.attachment)
      events.onGap = { gap in
        Messages.line(Style.errors(.yellow, "events are missing here: \(gap.reason.rawValue)"))
      }
      while let event = try events.next() {
        (params.after, params.tail) = (event.cursor, nil)
        if json { output.jsonLine(event) } else { print(event) }
        output.flush()
      }
    }
  }

  /// One line for people; for scripts the time, the type and the payload, with tabs between.
  private func print(_ event: StreamEvent) {
    if event.type == EventType.logLine, let line = event.payload["line"]?.stringValue {
      return output.line(output.isTerminal ? DisplayText.safe(line) : line)
    }
    guard output.isTerminal else {
      return output.line("\(event.time)\t\(event.type)\t\(event.payload.jsonString)")
    }
    let text = DisplayText.safe(event.payload.jsonString)
    let head = "\(Humanize.clock(event.time))  "
    let room = max(20, Terminal.width - head.count - event.type.count - 2)
    output.line(
      output.style(.dim, head) + output.style(.cyan, DisplayText.safe(event.type)) + "  "
        + DisplayText.cut(text, to: room))
  }
}
