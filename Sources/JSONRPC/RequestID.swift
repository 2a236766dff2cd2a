import NIOCore

/// A request's id, kept as its JSON text so that it goes back exactly as it came.
package struct RequestID: Sendable, Hashable {
  package let json: [UInt8]

  package init(json: [UInt8]) {
    self.json = json
  }

  package static let null = RequestID(json: Array("null".utf8))
}
