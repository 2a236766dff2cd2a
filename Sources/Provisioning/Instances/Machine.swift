import BerthProtocol
import Platform
import SSH

/// An instance with a session on it: what scripts are run through.
struct Machine: Sendable {
  let instance: Instance
  let access: InstanceAccess
  let session: SSHSession
  /// How long logging in took, in milliseconds; 0 where a session was open.
  let connectMilliseconds: Double

  /// Where a script's output goes, as it comes.
  typealias Output = @Sendable (OutputSource, [UInt8]) throws -> Void

  /// What came of a script.
  struct Outcome: Sendable {
    var records: RemoteRecords
    var exit: SSHExit
    /// The last of what was written for people.
    var lastLines: [String]
    /// How long a message took there and back, in milliseconds.
    var latencyMilliseconds = 0.0
  }

  /// Runs a script that changes nothing, and returns its records.
  ///
  /// - Parameters:
  ///   - timeoutSeconds: Then it is ended, with an error.
  ///   - output: Takes what it writes for people.
  func run(
    _ script: String, elevation: RemoteScript.Elevator? = nil, timeoutSeconds: Double, output: Output? = nil
  ) async throws -> Outcome {
    try await within(timeoutSeconds) {
      let began = Timestamp.monotonicNanoseconds()
      let channel = try await session.open(RemoteScript.command(elevation))
      // Two questions were asked and answered: for a channel, and for the command.
      let latency = Double(Timestamp.monotonicNanoseconds() - began) / 2e6
      defer { channel.close() }
      var outcome = try await withTaskCancellationHandler {
        try await exchange(channel, RemoteScript.input(RemoteScript.reporting(script), elevation), output)
      } onCancel: {
        channel.close()
      }
      outcome.latencyMilliseconds = latency
      return outcome
    }
  }

  private func exchange(_ channel: SSHChannel, _ input: [UInt8], _ output: Output?) async throws -> Outcome {
    // Where sudo refuses, say, nobody reads this; what there is to read then tells why.
    _ = try? await channel.write(input)
    try await channel.endInput()
    var records: [UInt8] = []
    var tail = LastLines()
    while let piece = try await channel.read() {
      switch piece.source {
      case .output:
        guard records.count < Self.recordsLimit else { continue }
        records += piece.bytes
      case .error:
        tail.add(piece.bytes)
        try output?(.stderr, piece.bytes)
      }
    }
    let exit = try await channel.exit()
    return Outcome(
      records: RemoteRecords(String(decoding: records, as: UTF8.self)), exit: exit, lastLines: tail.lines)
  }

  private static let recordsLimit = 4 << 20

  /// How long a package manager's short questions may take.
  static let shortSeconds = 60.0

  /// How long a step may take to come to an end that is asked of it.
  static let endingSeconds = 180.0

  /// How to become root here, as the facts say.
  ///
  /// - Throws: `sudo_required`.
  func elevator(_ facts: InstanceFacts) throws -> RemoteScript.Elevator? {
    switch facts.elevation {
    case .root: return nil
    case .sudo: return .sudo
    case .doas: return .doas
    case .sudoPassword:
      if let password = access.sudoPassword { return .sudo(password: password) }
      throw ProtocolError(
        .sudoRequired,
        "On \(instance.name), sudo asks \(facts.user) for a password, and none is kept. Give it as `sudoPassword`, or "
          + "allow \(facts.user) to use sudo without one.")
    case .none:
      throw ProtocolError(
        .sudoRequired,
        "On \(instance.name), \(facts.user) can't become root. Install sudo and allow it to \(facts.user), or log in as "
          + "root.")
    }
  }
}

/// Runs a body with a time limit.
///
/// - Throws: `step_timeout`.
func within<T: Sendable>(
  _ seconds: Double, _ message: String? = nil, _ body: @escaping @Sendable () async throws -> T
) async throws -> T {
  try await withThrowingTaskGroup(of: T?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: .seconds(seconds))
      return nil
    }
    defer { group.cancelAll() }
    guard let first = try await group.next(), let value = first else {
      throw ProtocolError(.stepTimeout, message ?? "There was no answer within \(seconds.inSeconds).")
    }
    return value
  }
}

/// Keeps the last lines of an output.
struct LastLines: Sendable {
  static let limit = 20
  private static let longest = 500
  private var text = ""

  mutating func add(_ bytes: some Sequence<UInt8>) {
    text += String(decoding: Array(bytes), as: UTF8.self)
    if text.utf8.count > 32 << 10 { text = String(decoding: text.utf8.suffix(16 << 10), as: UTF8.self) }
  }

  var lines: [String] {
    text.split(whereSeparator: { $0.isNewline }).suffix(Self.limit).map { String($0.prefix(Self.longest)) }
  }
}
