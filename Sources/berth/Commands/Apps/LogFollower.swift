import BerthClient
import BerthProtocol
import JSON
import Platform

/// An app whose output is shown.
struct LogSource {
  let id: String
  /// What its lines begin with.
  let name: String
  var stream = ""
  /// The last line that was shown.
  var cursor: String?
  var hasEnded = false

  init(id: String, name: String) {
    self.id = id
    self.name = name
  }
}

/// Shows what apps have written, in the order of its times, and what comes.
final class LogFollower {
  /// How long lines of several apps are held back, so that they can be put in order.
  private static let holdSeconds = 0.05
  private static let holdLines = 20_000

  private let context: Context
  private var sources: [LogSource]
  private var printer: LogPrinter

  init(_ context: Context, _ sources: [LogSource], form: LogPrinter.Form) {
    self.context = context
    self.sources = sources
    printer = LogPrinter(context.output, sources, form: context.json ? .json : form)
  }

  func run(_ options: LogOptions) throws {
    try showPast(options)
    if options.follow { try context.reconnecting { _ in try followAll() } }
    printer.finish()
  }

  private func showPast(_ options: LogOptions) throws {
    let pages = try context.requestEach(AppLogs.self, sources.map { options.params($0.id) }).map { try $0.get() }
    for (index, page) in pages.enumerated() {
      sources[index].stream = page.stream
      sources[index].cursor = page.next
    }
    guard options.tail != 0 else { return }
    show(pages.enumerated().map { index, page in page.lines.map { AppLine(source: index, event: $0) } })
  }

  /// Shows what comes until all streams have ended. - Throws: `Disconnected`.
  private func followAll() throws {
    let client = try context.client
    var attachments: [String: Int] = [:]
    for index in sources.indices where !sources[index].hasEnded {
      do {
        let params = StreamAttach.Params(stream: sources[index].stream, after: sources[index].cursor)
        attachments[try client.request(StreamAttach.self, params).attachment] = index
      } catch let error as CallError where error.type == .streamNotFound {
        end(index)
      }
    }
    var held: [Int: [AppLine]] = [:]
    var deadline: Int64 = 0
    while !attachments.isEmpty {
      let rest = held.isEmpty ? nil : max(0, Double(deadline - Timestamp.monotonicNanoseconds()) / 1e9)
      let notification = try client.nextNotification(timeoutSeconds: rest)
      guard notification != nil || !held.isEmpty else { throw Disconnected() }
      if let notification, let attachment = notification.params["attachment"]?.stringValue,
        let index = attachments[attachment]
      {
        if held.isEmpty { deadline = Timestamp.monotonicNanoseconds() + Int64(Self.holdSeconds * 1e9) }
        let lines = try take(notification, of: index) {
          show(held.sorted { $0.key < $1.key }.map(\.value))
          held = [:]
        }
        if let lines { held[index, default: []] += lines } else { attachments[attachment] = nil }
      }
      let count = held.values.reduce(0) { $0 + $1.count }
      let isOver = notification == nil || Timestamp.monotonicNanoseconds() >= deadline
      if isOver || attachments.count < 2 || count >= Self.holdLines {
        show(held.sorted { $0.key < $1.key }.map(\.value))
        held = [:]
      }
    }
  }

  /// Takes in what came.
  ///
  /// - Parameter showHeld: Shows what is held back, before something else is said.
  /// - Returns: The lines; nil at the stream's end.
  private func take(
    _ notification: Client.Notification, of index: Int, _ showHeld: () -> Void
  ) throws -> [AppLine]? {
    switch notification.method {
    case StreamEventNotification.description.name:
      let events = try Decoding.decode(StreamEventNotification.Params.self, from: notification.params).events
      // They are shown before the next connection is opened, so that they count as shown.
      if let last = events.last { sources[index].cursor = last.cursor }
      return events.map { AppLine(source: index, event: $0) }
    case StreamGapNotification.description.name:
      let gap = try Decoding.decode(StreamGapNotification.Params.self, from: notification.params)
      showHeld()
      say("lines of \(sources[index].name) are missing here: \(gap.reason.rawValue)")
    case StreamEndNotification.description.name:
      showHeld()
      end(index)
      return nil
    default: break
    }
    return []
  }

  private func end(_ index: Int) {
    sources[index].hasEnded = true
    say("\(sources[index].name) is no longer installed")
  }

  private func say(_ text: String) {
    printer.finish()
    context.output.flush()
    Messages.line(Style.errors(.yellow, DisplayText.safe(text)))
  }

  private func show(_ lists: [[AppLine]]) {
    for line in AppLine.merged(lists) { printer.print(line) }
    context.output.flush()
  }
}
