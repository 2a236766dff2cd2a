import Glibc

/// `Retry-After`: seconds, or a date (RFC 9110 §10.2.3).
enum RetryAfter {
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  /// - Parameters:
  ///   - text: The header's value.
  ///   - now: In seconds since 1970.
  /// - Returns: How long to wait, in seconds; nil for what can't be read.
  static func seconds(_ text: String, now: Double) -> Double? {
    let text = text.trimming(while: { $0 == " " || $0 == "\t" })
    if let seconds = Double(text) { return seconds.isFinite && seconds >= 0 ? seconds : nil }
    return date(text).map { max(0, $0 - now) }
  }

  /// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that is still sent.
  private static func date(_ text: String) -> Double? {
    let words = text.split { $0 == " " || $0 == "," || $0 == ":" }
    guard words.count == 8, words[7] == "GMT", let day = Int32(words[1]), let year = Int32(words[3]),
      let month = months.firstIndex(where: { $0 == words[2] }), let hour = Int32(words[4]),
      let minute = Int32(words[5]), let second = Int32(words[6]), (1...31).contains(day), (1970...9999).contains(year),
      (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
    else { return nil }
    var time = tm()
    time.tm_year = year - 1900
    time.tm_mon = Int32(month)
    time.tm_mday = day
    time.tm_hour = hour
    time.tm_min = minute
    time.tm_sec = second
    return Double(timegm(&time))
  }
}

extension StringProtocol {
  /// Without what is in the way at either end.
  func trimming(while isInTheWay: (Character) -> Bool) -> String {
    var rest = self[...].drop(while: isInTheWay)
    while let last = rest.last, isInTheWay(last) { rest = rest.dropLast() }
    return String(rest)
  }
}
