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
  /// Why the attachment ended; nil as long as it has not.
  private(set) var end: EndReason?

  init(_ client: Client, attachment: String) {
    self.client = client
    self.attachment = attachment
  }

  /// The next event; nil at the attachment's end.
  ///
  /// - Throws: `Disconnected` where the connection ends before the attachment.
  func next() throws -> StreamEvent? {
    while waiting.isEmpty {
      guard end == nil else { return nil }
      guard let notification = try client.nextNotification() else { throw Disconnected() }
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
}
