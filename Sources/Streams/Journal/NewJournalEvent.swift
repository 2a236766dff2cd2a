package import BerthProtocol
package import JSON

/// An event to append.
package struct NewJournalEvent: Sendable {
  /// Letters, digits, `_`, `.` and `-` only: it goes onto the wire as it is.
  package let type: String
  /// JSON text of one value.
  package let payload: [UInt8]

  package init(type: String, payload: [UInt8]) {
    self.type = type
    self.payload = payload
  }

  package init(type: String, payload: some JSONEncodable) {
    self.init(type: type, payload: payload.jsonBytes())
  }

  package init(_ event: NewEvent) {
    self.init(type: event.type, payload: event.payload ?? .null)
  }
}
