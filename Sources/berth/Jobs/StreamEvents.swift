import BerthClient
import BerthProtocol
import JSON

/// The events of one attachment, as they come in.
final class StreamEvents {
  private let client: Client
  private let attachment: String
  private var waiting: ArraySlice<StreamEvent> = []
  /// What to do when events are missing.
  var onGap: (StreamGapNotification.Params) -> Void = { _ in }
  /// What to do when nothing has come for a moment; called once before each wait for the next event.
  var onIdle: (() throws -> Void)?
  private static let idleSeconds = 0.05
  /// Why the attachment ended; nil as long as it has not.
  private(set) var end: EndReason?

  init(_ client: Client, attachment: String) {
    self.client = client
    self.attachment = attachment
  }

  /// Whether the next event has come already.
  var hasMore: Bool { !waiting.isEmpty }

  /// The next event; nil at the attachment's end.
  ///
  /// - Throws: `Disconnected` where the connection ends before the attachment.
  func next() throws -> StreamEvent? {
    while waiting.isEmpty {
      guard end == nil else { return nil }
      guard let notification = try nextNotification() else { throw Disconnected() }
      guard notification.params["attachment"]?.stringValue == attachment else { continue }
      switch notification.method {
      case StreamEventNotification.description.name:
        waiting = try Decoding.decode(StreamEventNotification.Params.self, from: notification.params).events[...]
      case StreamGapNotification.description.name:
        onGap(try Decoding.decode(StreamGapNotification.Params.self, from: notification.params))
      case StreamEndNotification.description.name:
        end = try Decoding.decode(StreamEndNotification.Params.self, from: notification.params).reason
      default: break
      }
    }
    return waiting.popFirst()
  }

  private func nextNotification() throws -> Client.Notification? {
    guard let onIdle else { return try client.nextNotification() }
    if let notification = try client.nextNotification(timeoutSeconds: Self.idleSeconds) { return notification }
    try onIdle()
    return try client.nextNotification()
  }
}
