package import JSON

/// The outer part of a message: what it is, and where its parts are. The values inside are checked and not built.
package struct Envelope {
  package enum Kind: Equatable {
    case request(id: RequestID)
    case notification
    /// An answer to a request of ours.
    case response(id: RequestID)
    /// Not JSON-RPC 2.0. The answer goes to the id, where one can be told, and otherwise to null.
    case invalid(id: RequestID, reason: String)
  }

  package var kind: Kind
  package var method: String
  /// Where `params` stand in the message: an object or an array. Nil where they are missing or null.
  package var params: Range<Int>?
  /// Of a response: where its `result` or its `error` stands, and which of both it is.
  package var answer: (range: Range<Int>, isError: Bool)?
}

/// Where the members of an object stand; reused from message to message, so that reading one allocates nothing.
package typealias MemberRanges = [(key: Range<Int>, value: Range<Int>)]

extension Envelope {
  /// Reads one message, with the scanner before its first byte.
  ///
  /// - Parameter members: Receives the members of `params`, where they are an object.
  /// - Throws: `JSONSyntaxError` where the bytes are not JSON.
  package static func scan(
    _ scanner: inout JSONScanner, members: inout MemberRanges, depth: Int = 0
  ) throws(JSONSyntaxError) -> Envelope {
    members.removeAll(keepingCapacity: true)
    scanner.skipWhitespace()
    guard scanner.current == UInt8(ascii: "{") else {
      try scanner.skipValue(depth: depth)
      return Envelope(invalid: "it must be an object", id: .null)
    }
    var parts = Parts()
    var more = try scanner.enterObject(depth: depth)
    while more {
      let key = try scanner.skipKey()
      scanner.skipWhitespace()
      try parts.take(key, from: &scanner, members: &members, depth: depth + 1)
      more = try scanner.nextMember()
    }
    return parts.envelope(scanner)
  }

  private init(invalid reason: String, id: RequestID) {
    self.init(kind: .invalid(id: id, reason: reason), method: "")
  }

  /// The members of a message, as they are met.
  private struct Parts {
    var isVersion2 = false
    var id: Range<Int>?
    var method: (range: Range<Int>, isPlain: Bool)?
    var methodIsString = false
    var params: Range<Int>?
    var answer: (range: Range<Int>, isError: Bool)?

    mutating func take(
      _ key: (range: Range<Int>, isPlain: Bool), from scanner: inout JSONScanner, members: inout MemberRanges,
      depth: Int
    ) throws(JSONSyntaxError) {
      let start = scanner.position
      switch scanner.word(key) {
      case .jsonrpc:
        try scanner.skipValue(depth: depth)
        isVersion2 = scanner.equals(start..<scanner.position, "\"2.0\"")
      case .id:
        try scanner.skipValue(depth: depth)
        id = start..<scanner.position
      case .method:
        methodIsString = scanner.current == UInt8(ascii: "\"")
        if methodIsString { method = try scanner.skipString() } else { try scanner.skipValue(depth: depth) }
      case .params:
        members.removeAll(keepingCapacity: true)
        if scanner.current == UInt8(ascii: "{") {
          try Envelope.scanMembers(&scanner, into: &members, depth: depth)
        } else {
          try scanner.skipValue(depth: depth)
        }
        params = start..<scanner.position
      case .result, .error:
        try scanner.skipValue(depth: depth)
        answer = (start..<scanner.position, scanner.word(key) == .error)
      case .other:
        try scanner.skipValue(depth: depth)
      }
    }

    func envelope(_ scanner: JSONScanner) -> Envelope {
      var requestID: RequestID?
      if let id {
        let first = scanner.bytes[id.lowerBound]
        guard first != UInt8(ascii: "{"), first != UInt8(ascii: "["), first != UInt8(ascii: "t"),
          first != UInt8(ascii: "f")
        else { return Envelope(invalid: "its id must be a string, a number or null", id: .null) }
        requestID = RequestID(json: Array(scanner.bytes[id]))
      }
      let answerID = requestID ?? .null
      guard isVersion2 else { return Envelope(invalid: "its member `jsonrpc` must be \"2.0\"", id: answerID) }
      guard let method, methodIsString else {
        if let answer, let requestID {
          return Envelope(kind: .response(id: requestID), method: "", answer: answer)
        }
        return Envelope(invalid: "its member `method` must be a string", id: answerID)
      }
      var params = params
      if let range = params {
        switch scanner.bytes[range.lowerBound] {
        case UInt8(ascii: "{"), UInt8(ascii: "["): break
        case UInt8(ascii: "n"): params = nil
        default: return Envelope(invalid: "its member `params` must be an object or an array", id: answerID)
        }
      }
      return Envelope(
        kind: requestID.map { .request(id: $0) } ?? .notification, method: scanner.text(method), params: params)
    }
  }

  private static func scanMembers(
    _ scanner: inout JSONScanner, into members: inout MemberRanges, depth: Int
  ) throws(JSONSyntaxError) {
    var more = try scanner.enterObject(depth: depth)
    while more {
      let key = try scanner.skipKey().range
      scanner.skipWhitespace()
      let start = scanner.position
      try scanner.skipValue(depth: depth + 1)
      members.append((key, start..<scanner.position))
      more = try scanner.nextMember()
    }
  }
}

extension JSONScanner {
  fileprivate enum EnvelopeWord {
    case jsonrpc, id, method, params, result, error, other
  }

  fileprivate func word(_ key: (range: Range<Int>, isPlain: Bool)) -> EnvelopeWord {
    switch key.range.count {
    case 2 where equals(key.range, "id"): .id
    case 5 where equals(key.range, "error"): .error
    case 6 where equals(key.range, "method"): .method
    case 6 where equals(key.range, "params"): .params
    case 6 where equals(key.range, "result"): .result
    case 7 where equals(key.range, "jsonrpc"): .jsonrpc
    default: .other
    }
  }

  package func equals(_ range: Range<Int>, _ text: StaticString) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    for index in 0..<range.count where bytes[range.lowerBound + index] != text.utf8Start[index] { return false }
    return true
  }
}
