/// The size of a terminal, in characters.
package struct TerminalSize: Sendable, Hashable {
  package var columns: Int
  package var rows: Int

  package init(columns: Int = 80, rows: Int = 24) {
    self.columns = columns
    self.rows = rows
  }
}

/// A piece of what a command has written.
package struct SSHOutput: Sendable, Hashable {
  package enum Source: Sendable, Hashable { case output, error }

  package var source: Source
  package var bytes: [UInt8]

  package init(source: Source, bytes: [UInt8]) {
    self.source = source
    self.bytes = bytes
  }
}

/// How a command ended.
package enum SSHExit: Sendable, Hashable {
  case status(Int)
  /// The signal's name without `SIG`, such as `KILL`.
  case signal(String)
  /// The server closed the channel and said nothing: what came of the command is not known.
  case none
}

/// A command that was run to its end.
package struct SSHResult: Sendable, Hashable {
  package var output: [UInt8]
  package var errorOutput: [UInt8]
  package var exit: SSHExit

  package init(output: [UInt8], errorOutput: [UInt8], exit: SSHExit) {
    self.output = output
    self.errorOutput = errorOutput
    self.exit = exit
  }
}
