/// A number with its unit.
struct Figure {
  enum Unit: String {
    case perSecond, nanoseconds, bytes, bytesPerSecond, count
  }

  let value: Double
  let unit: Unit

  static func perSecond(_ value: Double) -> Figure { Figure(value: value, unit: .perSecond) }
  static func nanoseconds(_ value: Double) -> Figure { Figure(value: value, unit: .nanoseconds) }
  static func bytes(_ value: Int) -> Figure { Figure(value: Double(value), unit: .bytes) }
  static func bytesPerSecond(_ value: Double) -> Figure { Figure(value: value, unit: .bytesPerSecond) }

  static func count(_ value: Int) -> Figure { Figure(value: Double(value), unit: .count) }

  /// For people.
  var text: String {
    switch unit {
    case .perSecond: "\(value.grouped)/s"
    case .nanoseconds:
      switch value {
      case ..<1e6: "\((value / 1e3).short) µs"
      case ..<1e9: "\((value / 1e6).short) ms"
      default: "\((value / 1e9).short) s"
      }
    case .bytes: Self.bytesText(value)
    case .bytesPerSecond: "\(Self.bytesText(value))/s"
    case .count: String(Int(value))
    }
  }

  private static func bytesText(_ value: Double) -> String {
    abs(value) < 1e6 ? "\((value / 1e3).short) KB" : "\((value / 1e6).short) MB"
  }
}

extension Double {
  /// Three digits that count: `0.123`, `1.23`, `12.3`, `123`.
  var short: String {
    let magnitude = abs(self)
    if magnitude >= 100 { return String(Int(rounded())) }
    let factor: Double = magnitude >= 10 ? 10 : magnitude >= 1 ? 100 : 1000
    let rounded = (self * factor).rounded() / factor
    return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
  }

  /// A whole number of three digits that count, with its thousands apart.
  var grouped: String {
    var unit = 1.0
    while abs(self) / unit >= 1000 { unit *= 10 }
    let digits = Array(String(Int((self / unit).rounded() * unit)))
    return digits.indices.reduce(into: "") { text, index in
      if index > 0, (digits.count - index) % 3 == 0 { text += "," }
      text.append(digits[index])
    }
  }
}
