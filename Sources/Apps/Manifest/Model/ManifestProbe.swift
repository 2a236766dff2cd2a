/// A question that is asked again and again, to learn how an app is.
package struct ManifestProbe: Sendable, Hashable {
  package enum Check: Sendable, Hashable {
    case http(HTTP)
    /// Whether a port, named as in `ports`, takes connections.
    case tcp(port: String)
    /// Whether a command for `/bin/sh -c` exits with 0.
    case exec(command: String)
    /// Whether a line of output has matched; see `LogPattern`.
    case log(LogPattern)
    /// Whether the app has told so itself over `NOTIFY_SOCKET`.
    case notify
  }

  package struct HTTP: Sendable, Hashable {
    /// A name of `ports`.
    package let port: String
    package let path: SubstitutedText
    /// The status codes that are good.
    package let status: ClosedRange<Int>
    /// What the body must hold.
    package let bodyContains: String?
  }

  package let check: Check
  /// From the end of one try to the next.
  package let intervalSeconds: Double
  /// How long one try may take.
  package let timeoutSeconds: Double
  /// How many tries in a row must fail before it counts.
  package let failureThreshold: Int
  /// How many tries in a row must succeed before it counts.
  package let successThreshold: Int
  package let initialDelaySeconds: Double
}

/// What is asked of an app, and when. All probes of a kind must succeed.
package struct ManifestProbes: Sendable, Hashable {
  /// Until these have succeeded once, the others are not asked.
  package let startup: [ManifestProbe]
  /// Whether the app can be used. Nothing is restarted for it.
  package let readiness: [ManifestProbe]
  /// Whether the app still works; it is restarted when it does not.
  package let liveness: [ManifestProbe]
}

/// A pattern that a line of output is compared with: plain text that the line must hold, in which `*` stands for any
/// text at all, and `\*` for a star.
package struct LogPattern: Sendable, Hashable {
  /// As it is written.
  package let text: String
  /// The pieces between the stars.
  private let pieces: [[UInt8]]

  package init(_ text: String) {
    self.text = text
    var pieces: [[UInt8]] = [[]]
    var isEscaped = false
    for byte in text.utf8 {
      if !isEscaped && byte == UInt8(ascii: "\\") {
        isEscaped = true
        continue
      }
      if byte == UInt8(ascii: "*") && !isEscaped {
        pieces.append([])
      } else {
        // A backslash before anything but a star or another backslash stands for itself.
        if isEscaped && byte != UInt8(ascii: "*") && byte != UInt8(ascii: "\\") {
          pieces[pieces.count - 1].append(UInt8(ascii: "\\"))
        }
        pieces[pieces.count - 1].append(byte)
      }
      isEscaped = false
    }
    if isEscaped { pieces[pieces.count - 1].append(UInt8(ascii: "\\")) }
    self.pieces = pieces.filter { !$0.isEmpty }
  }

  /// Whether a line, without its end, matches.
  package func matches(_ line: some RandomAccessCollection<UInt8>) -> Bool {
    var rest = line[...]
    for piece in pieces {
      guard let end = Self.end(of: piece, in: rest) else { return false }
      rest = rest[end...]
    }
    return true
  }

  private static func end<Text: RandomAccessCollection<UInt8>>(of piece: [UInt8], in text: Text) -> Text.Index? {
    var start = text.startIndex
    while text.distance(from: start, to: text.endIndex) >= piece.count {
      if text[start...].starts(with: piece) { return text.index(start, offsetBy: piece.count) }
      start = text.index(after: start)
    }
    return nil
  }
}
