extension SSHSession {
  /// Runs a command to its end.
  ///
  /// - Parameters:
  ///   - input: What it reads; its input ends after it.
  ///   - limitBytes: The most that it may write, output and errors together.
  /// - Throws: `SSHError`, `tooLarge` where it writes more; the command is ended then.
  package func run(_ command: String, input: [UInt8] = [], limitBytes: Int = 1 << 20) async throws -> SSHResult {
    let channel = try await open(command)
    defer { channel.close() }
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        do {
          try await channel.write(input)
          try await channel.endInput()
        } catch let error as SSHError where error.code == .closed {
          // A command that ends without reading its input is not at fault; a lost session is seen by who reads.
        }
      }
      var result = SSHResult(output: [], errorOutput: [], exit: .none)
      while let piece = try await channel.read() {
        switch piece.source {
        case .output: result.output += piece.bytes
        case .error: result.errorOutput += piece.bytes
        }
        guard result.output.count + result.errorOutput.count <= limitBytes else {
          group.cancelAll()
          throw SSHError(.tooLarge, "The command wrote more than \(limitBytes) bytes: \(command.prefix(100))")
            .about(endpoint)
        }
      }
      result.exit = try await channel.exit()
      group.cancelAll()
      return result
    }
  }

  /// Puts a file in place, in one step: who reads it sees the old one or the new one.
  ///
  /// - Parameters:
  ///   - path: Its place; relative to the user's home. Its folder must be there.
  ///   - mode: Its permission bits.
  package func upload(_ bytes: [UInt8], to path: String, mode: Int32) async throws {
    let place = Shell.quote(path.hasPrefix("-") ? "./\(path)" : path)
    let script = """
      set -e; umask 077; p=\(place); t=$p.$$.new; trap 'rm -f "$t"' EXIT; cat >"$t"; \
      [ "$(wc -c <"$t")" -eq \(bytes.count) ]; chmod \(String(mode & 0o7777, radix: 8)) "$t"; mv -f "$t" "$p"
      """
    let result = try await run("exec sh -c \(Shell.quote(script))", input: bytes)
    guard result.exit == .status(0) else {
      let reason = Printable.text(result.errorOutput.prefix(500)).trimmingSpaces()
      throw SSHError(
        .uploadFailed, "\(path) can't be written on \(endpoint.place): \(reason.isEmpty ? "\(result.exit)" : reason)"
      ).about(endpoint)
    }
  }
}

/// Words for a POSIX shell.
enum Shell {
  static func quote(_ word: String) -> String {
    "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
}
