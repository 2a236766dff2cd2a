import BerthProtocol
import JSON
import Jobs
import Platform
import SSH
import Synchronization

/// Scripts of a connection's recipes on its machine.
extension ConnectionRun {
  /// Runs a script that changes nothing.
  func ask(_ recipe: Recipe, _ step: RecipeStep, on machine: Machine) async throws -> RemoteRecords {
    let outcome = try await machine.run(
      recipe.script(step), timeoutSeconds: Machine.shortSeconds)
    if outcome.records["failure"] == nil, outcome.exit == .status(0) { return outcome.records }
    throw failure(outcome.records, code: outcome.exit.code, lastLines: outcome.lastLines, of: "\(recipe.row): \(step)")
  }

  /// Carries out a step that changes the machine, whatever becomes of the line meanwhile.
  ///
  /// - Parameters:
  ///   - name: What the step is, within the connection.
  ///   - collect: Takes the records in, also those of a step that failed.
  func change(
    _ name: String, _ recipe: Recipe, _ step: RecipeStep, environment: [(name: String, value: String)] = [],
    collect: @escaping @Sendable (inout ConnectionRow, RemoteRecords) -> Void
  ) async throws {
    for pause in Self.lockPauses {
      do {
        return try await attempt(name, recipe, step, environment: environment, collect: collect)
      } catch let error as ProtocolError where error.type == .packageLockBusy {
        context.output("\(error.message) Trying again in \(pause) s.")
        try await Task.sleep(for: .seconds(pause))
      }
    }
    try await attempt(name, recipe, step, environment: environment, collect: collect)
  }

  /// How long is waited before a package manager that stayed busy is asked again, in seconds.
  private static let lockPauses = [2, 10, 30]

  private func attempt(
    _ name: String, _ recipe: Recipe, _ step: RecipeStep, environment: [(name: String, value: String)],
    collect: @escaping @Sendable (inout ConnectionRow, RemoteRecords) -> Void
  ) async throws {
    let attempt = try takeAttempt(name)
    let remote = RemoteStep(
      folder: id, attempt: attempt, script: recipe.script(step),
      environment: [("BERTH_LOCK_SECONDS", "\(service.instances.config().packageLockSeconds)")] + environment)
    let known = ByteCount()
    let outcome: Machine.Outcome
    do {
      outcome = try await lasting { machine in try await self.follow(remote, recipe, known, on: machine) }
    } catch {
      guard error is CancellationError || context.isCancelled, !context.isServerStopping else { throw error }
      // Nobody wants it any more: it is ended there, and what it has done is written down.
      let ended = await service.instances.pool.complete { try? await self.end(remote, recipe, known) }
      if let ended { try collectEnd(ended, attempt, collect) }
      throw CancellationError()
    }
    try collectEnd(outcome, attempt, collect)
    if let lost = outcome.records["lost"] {
      // What it did is found by the next attempt, from the lists that it left on the machine.
      try service.change(id) { row, _ in row.work.unfinished = name }
      throw ProtocolError(
        .commandFailed,
        "The step ended on \(machineName) without a word (process \(lost)): it was killed, or the machine "
          + "was started anew. Try again.", extra: ["lastLines": .array(outcome.lastLines.map { .string($0) })])
    }
    try await lasting { machine in try await self.clean(machine, recipe) }
    let code = outcome.records["exit"].flatMap { Int($0) }
    if code == 0, outcome.records["failure"] == nil { return }
    throw failure(outcome.records, code: code, lastLines: outcome.lastLines, of: "\(recipe.row): \(step)")
  }

  /// The word of the attempt that is under way; a new one where there is none.
  private func takeAttempt(_ name: String) throws -> String {
    let row = try service.row(id)
    if let attempt = row.work.attempt, attempt.hasPrefix(name + "-") { return attempt }
    let attempt = Identifier.make(name).replacing("_", with: "-")
    try service.change(id) { row, _ in row.work.attempt = attempt }
    return attempt
  }

  private func collectEnd(
    _ outcome: Machine.Outcome, _ attempt: String, _ collect: @Sendable (inout ConnectionRow, RemoteRecords) -> Void
  ) throws {
    guard outcome.records["exit"] != nil || outcome.records["lost"] != nil else { return }
    try service.change(id) { row, _ in
      if row.work.attempt == attempt { row.work.attempt = nil }
      row.work.unfinished = nil
      collect(&row, outcome.records)
    }
  }

  private func follow(
    _ remote: RemoteStep, _ recipe: Recipe, _ known: ByteCount, on machine: Machine
  ) async throws -> Machine.Outcome {
    let elevator = try recipe.isElevated ? machine.elevator(facts(machine)) : nil
    let outputs = ExecOutputs(context, mask: SecretMask(machine.access.masked))
    let head = MarkedOutput(RemoteStep.outputMark)
    let outcome = try await machine.run(
      remote.following(skipping: known.value), elevation: elevator,
      timeoutSeconds: service.instances.config().stepSeconds
    ) { _, bytes in
      let bytes = head.take(bytes)
      known.add(bytes.count)
      if !bytes.isEmpty { try outputs.add(.stdout, bytes) }
    }
    try outputs.finish()
    guard outcome.records["exit"] != nil || outcome.records["lost"] != nil else {
      if outcome.records["failure"] != nil || outcome.records["pid"] == nil {
        throw failure(
          outcome.records, code: outcome.exit.code, lastLines: outcome.lastLines, of: recipe.row,
          isElevated: elevator != nil)
      }
      throw SSHError(.closed, "The line to \(machineName) was cut.")
    }
    return outcome
  }

  private func end(_ remote: RemoteStep, _ recipe: Recipe, _ known: ByteCount) async throws -> Machine.Outcome {
    let machine = try await service.instances.machine(target)
    let elevator = try recipe.isElevated ? machine.elevator(facts(machine)) : nil
    _ = try await machine.run(remote.ending, elevation: elevator, timeoutSeconds: Machine.endingSeconds)
    let outcome = try await follow(remote, recipe, known, on: machine)
    try? await clean(machine, recipe)
    return outcome
  }

  private func clean(_ machine: Machine, _ recipe: Recipe) async throws {
    let elevator = try recipe.isElevated ? machine.elevator(facts(machine)) : nil
    _ = try await machine.run(
      RemoteStep.cleaning(id), elevation: elevator, timeoutSeconds: Machine.shortSeconds)
  }

  // MARK: Errors

  /// The typed error of a script that failed.
  private func failure(
    _ records: RemoteRecords, code: Int?, lastLines: [String], of what: String, isElevated: Bool = false
  ) -> ProtocolError {
    let lastLines = lastLines.map { SecretMask(masked)($0) }
    var extra: JSONObject = ["lastLines": .array(lastLines.map { .string($0) })]
    if let code { extra["exitCode"] = .integer(code) }
    let words = (records["failure"] ?? "").split(separator: " ", maxSplits: 1).map { String($0) }
    if words.count == 2, let type = Self.types[words[0]] {
      return ProtocolError(type, "\(machineName): \(words[1])", detail: what, extra: extra)
    }
    if isElevated, records.isEmpty {
      return ProtocolError(
        .sudoRequired,
        "\(machineName) did not let the user become root: \(lastLines.last ?? "sudo said nothing"). Allow sudo, or give "
          + "`sudoPassword`.", detail: what, extra: extra)
    }
    return ProtocolError(
      .commandFailed,
      "A step failed on \(machineName) with \(code.map { "exit code \($0)" } ?? "no exit code"): "
        + (lastLines.last ?? "it wrote nothing"), detail: what, extra: extra)
  }

  private static let types: [String: ErrorType] = [
    "sudo_required": .sudoRequired, "unsupported_os": .unsupportedOs, "package_lock_busy": .packageLockBusy,
    "repository_unreachable": .repositoryUnreachable, "no_space": .instanceNoSpace,
    "version_unavailable": .versionUnavailable, "checksum_mismatch": .checksumMismatch,
    "command_failed": .commandFailed,
  ]
}

extension SSHExit {
  var code: Int? { if case .status(let code) = self { code } else { nil } }
}

/// Counts bytes over several tries.
final class ByteCount: Sendable {
  private let count = Atomic(0)

  func add(_ bytes: Int) { count.wrappingAdd(bytes, ordering: .relaxed) }
  var value: Int { count.load(ordering: .relaxed) }
}

/// An output that begins with a line of ours; what comes before is not of it.
final class MarkedOutput: Sendable {
  private let mark: [UInt8]
  /// What has come while the mark was looked for; nil once it was found.
  private let head = Mutex<[UInt8]?>([])

  init(_ mark: String) { self.mark = Array((mark + "\n").utf8) }

  func take(_ bytes: [UInt8]) -> [UInt8] {
    head.withLock { head in
      guard let before = head else { return bytes }
      let all = before + bytes
      guard let found = all.firstRange(of: mark) else {
        head = all.count > 1 << 20 ? Array(all.suffix(mark.count)) : all
        return []
      }
      head = nil
      return Array(all[found.upperBound...])
    }
  }
}
