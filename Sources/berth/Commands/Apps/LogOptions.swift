import ArgumentParser
import BerthProtocol
import Platform

/// Which lines of what apps have written.
struct LogOptions: ParsableArguments {
  @Option(
    name: [.customShort("n"), .long],
    help: "The last so many lines of each app, at most 10000. Default: 100; with --since, 10000.")
  var tail: Int?

  @Option(help: "Only lines since a time (RFC 3339, or seconds since 1970), or since so long ago: 90s, 10m, 1h30m, 2d.")
  var since: PastTime?

  @Flag(name: .shortAndLong, help: "Go on with what comes, until Ctrl-C.")
  var follow = false

  func validate() throws {
    if let tail, !(0...10_000).contains(tail) { throw ValidationError("--tail is 0 to 10000.") }
  }

  /// Of the past of one app.
  func params(_ app: String) -> AppLogs.Params {
    .init(app: app, tail: max(1, tail ?? (since == nil ? 100 : 10_000)), since: since?.seconds(), follow: false)
  }
}

/// A point in time, or how long ago one is.
enum PastTime: ExpressibleByArgument, Equatable {
  /// In seconds since 1970.
  case time(Double)
  case ago(seconds: Double)

  init?(argument: String) {
    if let nanoseconds = Timestamp.nanoseconds(from: argument) {
      self = .time(Double(nanoseconds) / 1e9)
    } else if let seconds = Double(argument), seconds >= 0, seconds.isFinite {
      self = .time(seconds)
    } else if let seconds = Self.duration(argument) {
      self = .ago(seconds: seconds)
    } else {
      return nil
    }
  }

  /// In seconds since 1970.
  func seconds(now: Int64 = Timestamp.nanosecondsNow()) -> Double {
    switch self {
    case .time(let seconds): seconds
    case .ago(let seconds): max(0, Double(now) / 1e9 - seconds)
    }
  }

  /// `1h30m` in seconds; nil for what is no duration.
  private static func duration(_ text: String) -> Double? {
    var total = 0.0
    var digits = ""
    for character in text {
      if character.isNumber || character == "." {
        digits.append(character)
        continue
      }
      let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800]
      guard let unit = units[character], let number = Double(digits) else { return nil }
      total += number * unit
      digits = ""
    }
    return digits.isEmpty && !text.isEmpty ? total : nil
  }
}
