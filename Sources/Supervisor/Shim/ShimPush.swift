/// What a shim tells of its own accord to those who follow it. Each tells of a state: whoever is slow hears the newest.
package enum ShimPush: Sendable, Hashable {
  /// The log has grown.
  case log(ShimStatus.LogPosition)
  /// The first process has ended; the tree may live on.
  case mainExited(ProcessExit)
  /// The tree has said `READY=1`.
  case ready
  /// The tree has said `STATUS=…`.
  case notify(String)
  /// There is room for input again.
  case room
  /// The tree has ended; `ShimFolder.state` tells how.
  case ended
  /// The shim has gone, with `ended` before or, where it was killed, without. Always the last one.
  case disconnected

  /// Reads a packet, `! NAME…`; nil for those of a later version.
  init?(packet: String) {
    let words = packet.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard words.count >= 2, words[0] == "!" else { return nil }
    let rest = words.count == 3 ? words[2] : ""
    switch words[1] {
    case "log":
      let numbers = rest.split(separator: " ").compactMap { Int($0) }
      guard numbers.count == 2 else { return nil }
      self = .log(ShimStatus.LogPosition(segment: numbers[0], bytes: numbers[1]))
    case "mainExited":
      guard let exit = ProcessExit(rest) else { return nil }
      self = .mainExited(exit)
    case "ready": self = .ready
    case "notify": self = .notify(String(rest))
    case "room": self = .room
    case "ended": self = .ended
    default: return nil
    }
  }
}
