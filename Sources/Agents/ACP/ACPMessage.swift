import Glibc
import JSON

/// A line of the agent's.
enum ACPMessage {
  case request(id: JSONValue, method: String, params: JSONObject)
  case notification(method: String, params: JSONObject)
  case result(id: JSONValue, JSONObject)
  case failure(id: JSONValue, ACPError)

  /// Nil where the line is no message.
  init?(_ line: UnsafeRawBufferPointer) {
    guard let json = try? JSONParser.parse(line), let message = json.objectValue else { return nil }
    let params = message["params"]?.objectValue ?? [:]
    if let method = message["method"]?.stringValue {
      if let id = message["id"], id != .null {
        self = .request(id: id, method: method, params: params)
      } else {
        self = .notification(method: method, params: params)
      }
    } else if let id = message["id"], let error = message["error"]?.objectValue {
      var text = error["message"]?.stringValue ?? "an error without a message"
      // Many agents say what is wrong only there.
      if let detail = error["data"]?["details"]?.stringValue ?? error["data"]?.stringValue { text += ": \(detail)" }
      self = .failure(id: id, ACPError(code: error["code"]?.intValue ?? 0, message: text))
    } else if let id = message["id"], let result = message["result"] {
      self = .result(id: id, result.objectValue ?? [:])
    } else {
      return nil
    }
  }
}

/// A piece of what the agent says or thinks, in a line that holds nothing else: nearly all lines are such. It is found
/// without building values, since agents may send very many of them.
struct ACPChunk {
  let isThought: Bool
  /// What stands between the quotation marks, as it is written.
  let text: UnsafeRawBufferPointer
  let session: UnsafeRawBufferPointer
  /// The message that it belongs to, where the agent tells.
  let message: UnsafeRawBufferPointer?

  /// Nil where the line is, or holds, anything else.
  init?(_ line: UnsafeRawBufferPointer) {
    var reading = Reading(scanner: JSONScanner(line))
    guard (try? reading.readMessage()) == true, let isThought = reading.isThought, let text = reading.text,
      let session = reading.session
    else { return nil }
    self.isThought = isThought
    self.text = text
    self.session = session
    message = reading.message
  }

  private struct Reading {
    var scanner: JSONScanner
    var isThought: Bool?
    var text: UnsafeRawBufferPointer?
    var session: UnsafeRawBufferPointer?
    var message: UnsafeRawBufferPointer?
    var isUpdate = false

    private func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
      UnsafeRawBufferPointer(rebasing: scanner.bytes[range])
    }

    private func isEqual(_ range: Range<Int>, _ word: StaticString) -> Bool {
      guard range.count == word.utf8CodeUnitCount, let base = scanner.bytes.baseAddress else { return false }
      return memcmp(base + range.lowerBound, word.utf8Start, range.count) == 0
    }

    /// The plain string that comes next; nil where it is anything else.
    private mutating func plainString() throws(JSONSyntaxError) -> Range<Int>? {
      scanner.skipWhitespace()
      guard scanner.current == UInt8(ascii: "\"") else { return nil }
      let (range, isPlain) = try scanner.skipString()
      return isPlain ? range : nil
    }

    /// Passes over a null. - Returns: false where something else is there.
    private mutating func skipNull() throws(JSONSyntaxError) -> Bool {
      scanner.skipWhitespace()
      guard scanner.current == UInt8(ascii: "n") else { return false }
      try scanner.skipWord("null")
      return true
    }

    /// Walks over an object's members. - Returns: false where `member` does, or where there is no object.
    private mutating func object(
      depth: Int, _ member: (inout Reading, Range<Int>) throws(JSONSyntaxError) -> Bool
    ) throws(JSONSyntaxError) -> Bool {
      scanner.skipWhitespace()
      guard scanner.current == UInt8(ascii: "{") else { return false }
      var hasMember = try scanner.enterObject(depth: depth)
      while hasMember {
        let key = try scanner.skipKey()
        guard key.isPlain, try member(&self, key.range) else { return false }
        hasMember = try scanner.nextMember()
      }
      return true
    }

    mutating func readMessage() throws(JSONSyntaxError) -> Bool {
      guard
        try object(
          depth: 0,
          { (reading: inout Reading, key) throws(JSONSyntaxError) in
            if reading.isEqual(key, "params") { return try reading.readParams() }
            if reading.isEqual(key, "method") {
              guard let method = try reading.plainString() else { return false }
              reading.isUpdate = reading.isEqual(method, "session/update")
              return reading.isUpdate
            }
            if reading.isEqual(key, "jsonrpc") { return try reading.plainString() != nil }
            return false
          })
      else { return false }
      scanner.skipWhitespace()
      return scanner.isAtEnd && isUpdate
    }

    private mutating func readParams() throws(JSONSyntaxError) -> Bool {
      try object(depth: 1) { (reading: inout Reading, key) throws(JSONSyntaxError) in
        if reading.isEqual(key, "update") { return try reading.readUpdate() }
        if reading.isEqual(key, "sessionId") {
          guard let range = try reading.plainString() else { return false }
          reading.session = reading.bytes(range)
          return true
        }
        return try reading.skipNull()
      }
    }

    private mutating func readUpdate() throws(JSONSyntaxError) -> Bool {
      try object(depth: 2) { (reading: inout Reading, key) throws(JSONSyntaxError) in
        if reading.isEqual(key, "content") { return try reading.readContent() }
        if reading.isEqual(key, "sessionUpdate") {
          guard let kind = try reading.plainString() else { return false }
          if reading.isEqual(kind, "agent_message_chunk") {
            reading.isThought = false
          } else if reading.isEqual(kind, "agent_thought_chunk") {
            reading.isThought = true
          } else {
            return false
          }
          return true
        }
        if reading.isEqual(key, "messageId"), reading.scanner.current != UInt8(ascii: "n") {
          guard let range = try reading.plainString() else { return try reading.skipNull() }
          reading.message = reading.bytes(range)
          return true
        }
        return try reading.skipNull()
      }
    }

    private mutating func readContent() throws(JSONSyntaxError) -> Bool {
      try object(depth: 3) { (reading: inout Reading, key) throws(JSONSyntaxError) in
        if reading.isEqual(key, "text") {
          reading.scanner.skipWhitespace()
          guard reading.scanner.current == UInt8(ascii: "\"") else { return false }
          reading.text = reading.bytes(try reading.scanner.skipString().range)
          return true
        }
        if reading.isEqual(key, "type") {
          guard let type = try reading.plainString() else { return false }
          return reading.isEqual(type, "text")
        }
        return try reading.skipNull()
      }
    }
  }
}
