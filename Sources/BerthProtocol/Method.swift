package import JSON

/// A request or a notification: its parameters, its result, and how it is carried out.
package protocol Method: Sendable {
  associatedtype Params: MethodParams
  /// `NullResult` for a notification.
  associatedtype Result: JSONCodable & Sendable
  static var description: MethodDescription { get }
}

/// The parameters of a method, which may come by name (an object) or by position (an array).
package protocol MethodParams: JSONCodable, Sendable, Hashable {
  /// The names in the order of the positions.
  static var positional: [String] { get }
}

extension MethodParams {
  /// Decodes the parameters of a request. Absent ones are as an empty object.
  ///
  /// - Throws: `invalid_params` with every fault.
  package static func decode(_ json: JSONValue?) throws(ProtocolError) -> Self {
    do {
      return try Decoding.decode(Self.self, from: json ?? .object([:]))
    } catch {
      throw ProtocolError(invalidParams: error)
    }
  }
}

/// How a method is carried out, and by whom it may be called.
package struct MethodDescription: Sendable, Hashable {
  package enum Direction: String, Sendable {
    case clientToServer = "client-to-server"
    case serverToClient = "server-to-client"
  }

  /// What calls of the lane `serial` are put in order by.
  package enum SerialKey: Sendable, Hashable {
    /// The value of that parameter.
    case parameter(String)
    /// One order for all.
    case fixed(String)
  }

  package let name: String
  package let family: String
  package let lane: Lane
  /// With the lane `serial`, and only with it.
  package let serialKey: SerialKey?
  package let scope: Scope
  package let direction: Direction
  package let isNotification: Bool
  /// Whether a call attaches the connection to a stream.
  package let opensStream: Bool
  /// `stable`, `experimental` or `deprecated`.
  package let stability: String

  package init(
    name: String, family: String, lane: Lane, serialKey: SerialKey? = nil, scope: Scope,
    direction: Direction = .clientToServer, isNotification: Bool = false, opensStream: Bool = false,
    stability: String = "stable"
  ) {
    self.name = name
    self.family = family
    self.lane = lane
    self.serialKey = serialKey
    self.scope = scope
    self.direction = direction
    self.isNotification = isNotification
    self.opensStream = opensStream
    self.stability = stability
  }
}

/// The result of a method that has nothing to tell.
package struct NullResult: JSONCodable, Sendable, Hashable {
  package init() {}

  package init?(_ json: JSONValue, decoding: inout Decoding) {
    guard json == .null else {
      decoding.mismatch(json, "null")
      return nil
    }
  }

  package func encode(into writer: inout JSONWriter) {
    writer.null()
  }
}
