import ArgumentParser

/// A machine as SSH's own commands take it: `HOST`, `USER@HOST`, `HOST:PORT`, `[::1]:2222`, `ssh://USER@HOST:PORT`.
struct HostArgument: ExpressibleByArgument, Equatable {
  var host: String
  var user: String?
  var port: Int?

  init?(argument: String) {
    let scheme = "ssh://"
    var rest = argument[...]
    if rest.hasPrefix(scheme) {
      rest = rest.dropFirst(scheme.count)
      if rest.hasSuffix("/") { rest = rest.dropLast() }
    }
    if let at = rest.lastIndex(of: "@") {
      guard at != rest.startIndex else { return nil }
      user = String(rest[..<at])
      rest = rest[rest.index(after: at)...]
    }
    if rest.first == "[" {
      guard let end = rest.firstIndex(of: "]") else { return nil }
      host = String(rest[rest.index(after: rest.startIndex)..<end])
      let tail = rest[rest.index(after: end)...]
      if !tail.isEmpty {
        guard tail.first == ":", let port = Self.port(tail.dropFirst()) else { return nil }
        self.port = port
      }
    } else if let colon = rest.firstIndex(of: ":"), rest.lastIndex(of: ":") == colon {
      guard let port = Self.port(rest[rest.index(after: colon)...]) else { return nil }
      host = String(rest[..<colon])
      self.port = port
    } else {
      // With several colons, it is an address of IPv6 without a port.
      host = String(rest)
    }
    guard !host.isEmpty, !host.contains(where: \.isWhitespace), host.first != "-" else { return nil }
  }

  private static func port(_ text: Substring) -> Int? {
    guard let port = Int(text), (1...65535).contains(port) else { return nil }
    return port
  }
}
