import Glibc
import Platform

/// Numbers and times as people say them.
enum Humanize {
  /// `1.4 MB`, in powers of a thousand.
  static func bytes(_ count: Int) -> String {
    guard count >= 1000 else { return "\(count) B" }
    var value = Double(count)
    var unit = "B"
    for next in ["kB", "MB", "GB", "TB", "PB"] where value >= 999.5 {
      value /= 1000
      unit = next
    }
    return value < 9.95 ? "\(tenths(value)) \(unit)" : "\(Int(value.rounded())) \(unit)"
  }

  /// `3 h 12 min`, the two largest units.
  static func duration(seconds: Double) -> String {
    guard seconds >= 1 else {
      let milliseconds = max(0, seconds) * 1000
      return milliseconds < 9.95 ? "\(tenths(milliseconds)) ms" : "\(Int(milliseconds.rounded())) ms"
    }
    guard seconds >= 9.95 else { return "\(tenths(seconds)) s" }
    let whole = Int(seconds.rounded())
    let parts = [
      (whole / 86400, "d"), (whole / 3600 % 24, "h"), (whole / 60 % 60, "min"), (whole % 60, "s"),
    ]
    guard let first = parts.firstIndex(where: { $0.0 > 0 }) else { return "0 s" }
    return parts[first..<min(first + 2, parts.count)].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
      .joined(separator: " ")
  }

  /// How long ago a timestamp of the protocol is: `3 min ago`, `in 2 days`.
  static func age(_ timestamp: String, now: Int64 = Timestamp.nanosecondsNow()) -> String {
    guard let then = Timestamp.nanoseconds(from: timestamp) else { return timestamp }
    let seconds = (now - then) / 1_000_000_000
    let distance = abs(seconds)
    let text =
      switch distance {
      case ..<5: "now"
      case ..<60: "\(distance) s"
      case ..<3600: "\(distance / 60) min"
      case ..<86400: "\(distance / 3600) h"
      case ..<(60 * 86400): count(Int(distance / 86400), "day")
      case ..<(730 * 86400): "\(distance / (30 * 86400)) months"
      default: "\(distance / (365 * 86400)) years"
      }
    if text == "now" { return text }
    return seconds >= 0 ? "\(text) ago" : "in \(text)"
  }

  /// `1 file`, `2 files`.
  static func count(_ number: Int, _ noun: String) -> String {
    "\(number) \(noun)\(number == 1 ? "" : "s")"
  }

  /// The permission bits as `ls -l` writes them.
  static func mode(_ mode: Int) -> String {
    String("rwxrwxrwx".enumerated().map { mode & (256 >> $0.offset) != 0 ? $0.element : "-" })
  }

  private static func tenths(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
  }
}

extension Humanize {
  /// The time of day of a timestamp, where the user is: `14:03:27`.
  static func clock(_ timestamp: String) -> String {
    guard let nanoseconds = Timestamp.nanoseconds(from: timestamp) else { return timestamp }
    var seconds = time_t(nanoseconds / 1_000_000_000)
    var parts = tm()
    guard localtime_r(&seconds, &parts) != nil else { return timestamp }
    return [parts.tm_hour, parts.tm_min, parts.tm_sec].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
  }
}
