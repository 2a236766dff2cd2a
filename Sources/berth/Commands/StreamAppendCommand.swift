import ArgumentParser
import BerthProtocol
import JSON

extension StreamCommand {
  struct Append: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "append",
      abstract: "Append events to a stream of your own, whose name begins with `custom/`.",
      discussion: """
        With --type and PAYLOAD, one event. With --type alone, each line of standard input becomes one, with the line \
        as `line`. With neither, each line is an event as JSON: {"type": "…", "payload": …}. Lines are appended as \
        they come.

          make 2>&1 | berth stream append custom/build --type build.line
        """)

    /// How many events go in one call.
    private static let batch = 1000

    @OptionGroup var target: StreamArgument

    @Argument(help: "The event's payload, as JSON; needs --type.")
    var payload: JSONText.Argument?

    @Option(name: .shortAndLong, help: "The type of the events.")
    var type: String?

    @Flag(help: "End the stream with these.")
    var close = false

    @Option(help: "A word that makes a repetition of the call harmless; with PAYLOAD only.")
    var idempotencyKey: String?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func validate() throws {
      if payload != nil, type == nil { throw ValidationError("PAYLOAD needs --type.") }
      if payload == nil, idempotencyKey != nil { throw ValidationError("--idempotency-key needs PAYLOAD.") }
    }

    func run(_ context: Context) throws {
      if let type, let payload {
        return show(try append([NewEvent(type: type, payload: payload.value())], close: close, context), 1, context)
      }
      var count = 0
      var line: [UInt8] = []
      var last: AppendResult?
      while let bytes = try Input.readSome() {
        var events: [NewEvent] = []
        for byte in bytes {
          guard byte == UInt8(ascii: "\n") else {
            line.append(byte)
            continue
          }
          if let event = try event(line) { events.append(event) }
          line.removeAll(keepingCapacity: true)
        }
        count += events.count
        while !events.isEmpty {
          last = try append(Array(events.prefix(Self.batch)), close: false, context)
          events.removeFirst(min(Self.batch, events.count))
        }
      }
      let rest = line.isEmpty ? nil : try event(line)
      count += rest == nil ? 0 : 1
      if rest != nil || close || last == nil {
        last = try append(rest.map { [$0] } ?? [], close: close, context)
      }
      if let last { show(last, count, context) }
    }

    private func append(_ events: [NewEvent], close: Bool, _ context: Context) throws -> AppendResult {
      try context.request(
        StreamAppend.self,
        .init(stream: target.stream, events: events, close: close, idempotencyKey: idempotencyKey))
    }

    private func event(_ line: [UInt8]) throws -> NewEvent? {
      if let type {
        return NewEvent(type: type, payload: ["line": .string(String(decoding: line, as: UTF8.self))])
      }
      if line.isEmpty { return nil }
      return try Decoding.decode(NewEvent.self, from: JSONParser.parse(line))
    }

    private func show(_ result: AppendResult, _ count: Int, _ context: Context) {
      var result = result
      result.appended = count
      context.show(result) {
        context.output.line(
          "Appended \(Humanize.count(count, "event")) to \($0.stream)\(close ? ", and closed it" : "")")
      }
    }
  }
}
