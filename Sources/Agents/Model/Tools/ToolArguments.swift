import JSON

/// Why a tool was not used, or could do nothing: told to the model as the call's result, so that it can do better.
struct ToolFault: Error, Sendable {
  let message: String

  init(_ message: String) {
    self.message = message
  }
}

/// The arguments of a tool's call, taken one after the other. All that is wrong is told at once.
struct ToolArguments {
  private let object: JSONObject
  private var taken: Set<String> = []
  private var faults: [String] = []

  /// - Parameter text: What the model wrote.
  init(_ text: String) throws(ToolFault) {
    // Of a tool that needs nothing, some models say nothing.
    guard !text.allSatisfy(\.isWhitespace) else {
      object = [:]
      return
    }
    let value: JSONValue
    do {
      value = try JSONParser.parse(text)
    } catch {
      throw ToolFault("The arguments are no JSON: \(error). Were they cut off? Say less at once.")
    }
    guard let object = value.objectValue else {
      throw ToolFault("The arguments are \(value.typeName), and must be an object.")
    }
    self.object = object
  }

  /// - Parameter bytes: How long it may be.
  mutating func string(_ name: String, bytes: ClosedRange<Int> = 0...(16 << 20)) -> String? {
    guard let value = take(name) else { return nil }
    guard let text = value.stringValue else {
      faults.append("`\(name)` is \(value.typeName), and must be a string.")
      return nil
    }
    guard bytes.contains(text.utf8.count) else {
      faults.append("`\(name)` has \(text.utf8.count) bytes, and must have \(bytes.lowerBound) to \(bytes.upperBound).")
      return nil
    }
    guard !text.utf8.contains(0) else {
      faults.append("`\(name)` holds a NUL character.")
      return nil
    }
    return text
  }

  mutating func integer(_ name: String, _ range: ClosedRange<Int>) -> Int? {
    guard let value = take(name) else { return nil }
    // Some models write numbers as text.
    guard let number = value.intValue ?? value.stringValue.flatMap({ Int($0) }) else {
      faults.append("`\(name)` is \(value.typeName), and must be an integer.")
      return nil
    }
    guard range.contains(number) else {
      faults.append("`\(name)` is \(number), and must be from \(range.lowerBound) to \(range.upperBound).")
      return nil
    }
    return number
  }

  mutating func bool(_ name: String) -> Bool? {
    guard let value = take(name) else { return nil }
    guard let flag = value.boolValue ?? value.stringValue.flatMap({ Bool($0.lowercased()) }) else {
      faults.append("`\(name)` is \(value.typeName), and must be true or false.")
      return nil
    }
    return flag
  }

  /// What must be there, where nothing else was wrong with it.
  mutating func required<Value>(_ name: String, _ value: Value?) -> Value? {
    if value == nil, object[name] == nil || object[name] == .null { faults.append("`\(name)` is missing.") }
    return value
  }

  private mutating func take(_ name: String) -> JSONValue? {
    taken.insert(name)
    guard let value = object[name], value != .null else { return nil }
    return value
  }

  /// - Throws: All faults, where there are any.
  mutating func finish() throws(ToolFault) {
    for name in object.keys where !taken.contains(name) {
      faults.append("`\(name)` is unknown; there are \(taken.sorted().map { "`\($0)`" }.joined(separator: ", ")).")
    }
    if !faults.isEmpty { throw ToolFault("The arguments are wrong. " + faults.joined(separator: " ")) }
  }
}
