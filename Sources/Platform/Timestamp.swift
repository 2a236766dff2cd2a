internal import Glibc

/// Points in time on the wire: RFC 3339 in UTC with milliseconds, such as `2026-11-20T22:30:00.123Z`.
package enum Timestamp {
  /// The present, for people and for the wire.
  package static func now() -> String { string(nanosecondsSince1970: nanosecondsNow()) }

  /// The present, in nanoseconds since 1970, by the system's clock, which may be set.
  package static func nanosecondsNow() -> Int64 { read(CLOCK_REALTIME) }

  /// Nanoseconds since some point, by a clock that never goes back: for durations and deadlines.
  package static func monotonicNanoseconds() -> Int64 { read(CLOCK_MONOTONIC) }

  /// Writes a point in time; what is below a millisecond is cut off.
  package static func string(nanosecondsSince1970: Int64) -> String {
    let (seconds, nanoseconds) = floorDivide(nanosecondsSince1970, by: 1_000_000_000)
    let (days, second) = floorDivide(seconds, by: 86_400)
    let (year, month, day) = date(daysSince1970: days)
    return String(unsafeUninitializedCapacity: 24) { buffer in
      func put(_ value: Int64, _ digits: Int, at index: Int, then end: UInt8) {
        var rest = value
        for position in stride(from: index + digits - 1, through: index, by: -1) {
          buffer[position] = UInt8(ascii: "0") + UInt8(rest % 10)
          rest /= 10
        }
        buffer[index + digits] = end
      }
      put(year, 4, at: 0, then: UInt8(ascii: "-"))
      put(month, 2, at: 5, then: UInt8(ascii: "-"))
      put(day, 2, at: 8, then: UInt8(ascii: "T"))
      put(second / 3600, 2, at: 11, then: UInt8(ascii: ":"))
      put(second / 60 % 60, 2, at: 14, then: UInt8(ascii: ":"))
      put(second % 60, 2, at: 17, then: UInt8(ascii: "."))
      put(nanoseconds / 1_000_000, 3, at: 20, then: UInt8(ascii: "Z"))
      return 24
    }
  }

  /// Reads any date and time of RFC 3339 §5.6 between the years 1678 and 2262; nil for all else.
  package static func nanoseconds(from string: String) -> Int64? {
    var string = string
    return string.withUTF8 { text -> Int64? in
      var reader = Reader(text: text)
      guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"),
        let day = reader.number(2), reader.take("T") || reader.take("t") || reader.take(" "),
        let hour = reader.number(2), reader.take(":"), let minute = reader.number(2), reader.take(":"),
        let second = reader.number(2), let fraction = reader.fraction(), let offset = reader.offset(), reader.atEnd,
        1...12 ~= month, 1...31 ~= day, hour < 24, minute < 60, second <= 60, 1678..<2262 ~= year
      else { return nil }
      let days = daysSince1970(year: year, month: month, day: day)
      guard date(daysSince1970: days).day == day else { return nil }
      // A leap second counts as the last one before it.
      let seconds = days * 86_400 + hour * 3600 + minute * 60 + min(second, 59) - offset
      return seconds * 1_000_000_000 + fraction
    }
  }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

/// Reads the parts of a timestamp, each of a fixed shape.
private struct Reader {
  let text: UnsafeBufferPointer<UInt8>
  var index = 0

  var atEnd: Bool { index == text.count }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard index < text.count, text[index] == UInt8(ascii: character) else { return false }
    index += 1
    return true
  }

  mutating func digit() -> Int64? {
    guard index < text.count, 48...57 ~= text[index] else { return nil }
    index += 1
    return Int64(text[index - 1] - 48)
  }

  mutating func number(_ digits: Int) -> Int64? {
    var value: Int64 = 0
    for _ in 0..<digits {
      guard let digit = digit() else { return nil }
      value = value * 10 + digit
    }
    return value
  }

  /// The nanoseconds behind a point; 0 where there is none, nil where the point has no digits.
  mutating func fraction() -> Int64? {
    guard take(".") else { return 0 }
    guard var value = digit() else { return nil }
    var digits = 1
    while let next = digit() {
      if digits < 9 {
        value = value * 10 + next
        digits += 1
      }
    }
    while digits < 9 {
      value *= 10
      digits += 1
    }
    return value
  }

  /// The offset from UTC, in seconds.
  mutating func offset() -> Int64? {
    if take("Z") || take("z") { return 0 }
    let sign: Int64 = take("-") ? -1 : 1
    guard sign < 0 || take("+"), let hours = number(2), take(":"), let minutes = number(2), hours < 24, minutes < 60
    else { return nil }
    return sign * (hours * 3600 + minutes * 60)
  }
}

private func floorDivide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
  let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
  return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
}

/// The date of a day, by the Gregorian calendar. Years are counted from March, so that the leap day is the last.
private func date(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
  let (era, dayOfEra) = floorDivide(daysSince1970 + 719_468, by: 146_097)
  let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let shifted = (5 * dayOfYear + 2) / 153
  let month = shifted < 10 ? shifted + 3 : shifted - 9
  return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
}

private func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
  let (era, yearOfEra) = floorDivide(month <= 2 ? year - 1 : year, by: 400)
  let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
  return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
}
