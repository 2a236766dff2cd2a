import JSON

/// How one value is read: its type, and the bounds of JSON Schema that it must keep.
protocol Rule<Value> {
  associatedtype Value
  /// Nil where the value does not fit; each fault has then been added.
  func read(_ json: JSONValue, _ decoding: inout Decoding) -> Value?
}

/// A value of a type that looks after itself.
struct AnyRule<Value: JSONDecodable>: Rule {
  func read(_ json: JSONValue, _ decoding: inout Decoding) -> Value? {
    Value(json, decoding: &decoding)
  }
}

/// A string. Lengths are in Unicode code points.
struct TextRule: Rule {
  var minLength = 0
  var maxLength = Int.max
  var pattern: Pattern?

  func read(_ json: JSONValue, _ decoding: inout Decoding) -> String? {
    guard let text = String(json, decoding: &decoding) else { return nil }
    // A code point is one to four bytes long: most texts need not be counted.
    let bytes = text.utf8.count
    if bytes < minLength * 4, text.unicodeScalars.count < minLength {
      decoding.fault(
        "min_length", minLength == 1 ? "must not be empty" : "must be at least \(minLength) characters long")
      return nil
    }
    if bytes > maxLength, text.unicodeScalars.count > maxLength {
      decoding.fault("max_length", "must be at most \(maxLength) characters long")
      return nil
    }
    if let pattern, !pattern.matches(text) {
      decoding.fault("pattern", "must match \(pattern.source)")
      return nil
    }
    return text
  }
}

struct IntegerRule: Rule {
  var minimum = Int.min
  var maximum = Int.max

  func read(_ json: JSONValue, _ decoding: inout Decoding) -> Int? {
    guard let value = Int(json, decoding: &decoding) else { return nil }
    if value < minimum {
      decoding.fault("minimum", "must be at least \(minimum)")
      return nil
    }
    if value > maximum {
      decoding.fault("maximum", "must be at most \(maximum)")
      return nil
    }
    return value
  }
}

struct NumberRule: Rule {
  var minimum = -Double.infinity
  var maximum = Double.infinity

  func read(_ json: JSONValue, _ decoding: inout Decoding) -> Double? {
    guard let value = Double(json, decoding: &decoding) else { return nil }
    if value < minimum {
      decoding.fault("minimum", "must be at least \(JSONValue.number(minimum).jsonString)")
      return nil
    }
    if value > maximum {
      decoding.fault("maximum", "must be at most \(JSONValue.number(maximum).jsonString)")
      return nil
    }
    return value
  }
}

/// An array whose elements keep a rule of their own.
struct ListRule<Element: Rule>: Rule {
  var element: Element
  var minItems = 0
  var maxItems = Int.max

  init(_ element: Element, minItems: Int = 0, maxItems: Int = .max) {
    self.element = element
    self.minItems = minItems
    self.maxItems = maxItems
  }

  func read(_ json: JSONValue, _ decoding: inout Decoding) -> [Element.Value]? {
    guard case .array(let elements) = json else {
      decoding.mismatch(json, "an array")
      return nil
    }
    if elements.count < minItems {
      decoding.fault("min_items", minItems == 1 ? "must not be empty" : "must hold at least \(minItems) entries")
    }
    if elements.count > maxItems {
      decoding.fault("max_items", "must hold at most \(maxItems) entries, not \(elements.count)")
      return nil
    }
    var values: [Element.Value] = []
    values.reserveCapacity(elements.count)
    for index in elements.indices {
      let before = decoding.faults.count
      if let value = element.read(elements[index], &decoding) { values.append(value) }
      if decoding.faults.count > before { decoding.place(faultsAfter: before, under: .integer(index)) }
    }
    return values.count == elements.count ? values : nil
  }
}

/// An object with names of the user's choice, whose values keep a rule of their own.
struct MapRule<Element: Rule>: Rule {
  var element: Element
  var maxProperties = Int.max

  init(_ element: Element, maxProperties: Int = .max) {
    self.element = element
    self.maxProperties = maxProperties
  }

  func read(_ json: JSONValue, _ decoding: inout Decoding) -> [String: Element.Value]? {
    guard let object = decoding.object(json) else { return nil }
    if object.count > maxProperties {
      decoding.fault("max_properties", "must hold at most \(maxProperties) members, not \(object.count)")
      return nil
    }
    var values: [String: Element.Value] = [:]
    values.reserveCapacity(object.count)
    for member in object.members {
      let before = decoding.faults.count
      if let value = element.read(member.value, &decoding) { values[member.key] = value }
      if decoding.faults.count > before { decoding.place(faultsAfter: before, under: .string(member.key)) }
    }
    return values
  }
}
