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
    guard packet.hasPrefix("! ") else { return nil }
    let words = packet.dropFirst(2)
    let space = words.firstIndex(of: " ") ?? words.endIndex
    let rest = words[space...].dropFirst()
    switch words[..<space] {
    case "log":
      let middle = rest.firstIndex(of: " ") ?? rest.endIndex
      guard let segment = Int(rest[..<middle]), let bytes = Int(rest[middle...].dropFirst()) else { return nil }
      self = .log(ShimStatus.LogPosition(segment: segment, bytes: bytes))
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
