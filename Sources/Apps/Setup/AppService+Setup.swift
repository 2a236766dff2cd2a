package import BerthProtocol
import Crypto
import JSON
import Jobs
import Platform
import Supervisor
import Workspaces

/// Making an app ready to start.
extension AppService {
  /// `app/setup`.
  package func setup(_ params: AppSetup.Params) throws -> AppSetup.Result {
    let entry = try find(params.app, workspace: params.workspace)
    let manifest: Manifest
    do throws(PreparationFailure) {
      manifest = try read(entry).1
      _ = try completeEnvironment(of: entry.record, manifest)
    } catch {
      throw error.protocolError(of: entry.record)
    }
    let (job, isNew) = try beginSetup(entry, manifest, isForced: params.force)
    return JobStarted(job: try jobs.job(job), created: isNew)
  }

  /// Sets an app up where that is needed.
  ///
  /// - Throws: `PreparationFailure`; `CancellationError`: the job goes on, for others may wait for it.
  func setUp(_ entry: AppEntry, _ manifest: Manifest, tell: (String) -> Void) async throws {
    guard manifest.setup.command != nil else { return }
    if setups.job(of: entry.id) == nil, try isSetUp(entry.record, manifest) { return }
    let (id, _) = try beginSetup(entry, manifest, isForced: false)
    tell("Its setup runs: \(id).")
    let job = try await jobs.get(JobGet.Params(job: id, waitSeconds: manifest.setup.timeoutSeconds + 60))
    guard job.state != .succeeded else { return }
    throw PreparationFailure(
      job.error?.type == "setup_timeout" ? .setupTimeout : .setupFailed,
      "Its setup \(job.state == .failed ? "failed" : "was \(job.state.rawValue)")"
        + (job.error.map { ": \($0.message)" } ?? ".") + " `berth job follow \(id)` shows its output.")
  }

  private func isSetUp(_ record: AppRecord, _ manifest: Manifest) throws -> Bool {
    guard record.build.state == .done, let digest = record.build.digest else { return false }
    return try digest == setupDigest(record, manifest)
  }

  private func beginSetup(
    _ entry: AppEntry, _ manifest: Manifest, isForced: Bool
  ) throws -> (job: String, isNew: Bool) {
    try setups.join(entry.id) {
      let record = entry.record
      let started = try jobs.start(.setup, title: "Set up \(record.app)", workspace: record.workspace) { context in
        defer { self.setups.end(entry.id) }
        return try await self.setUp(entry, isForced: isForced, context).jsonValue().objectValue ?? [:]
      }
      return started.job.id
    }
  }

  private func setUp(_ entry: AppEntry, isForced: Bool, _ context: JobContext) async throws -> SetupJobResult {
    let began = Timestamp.monotonicNanoseconds()
    do throws(PreparationFailure) {
      let (record, manifest, directory) = try read(entry)
      guard let command = manifest.setup.command else { return SetupJobResult(skipped: true) }
      let environment = try completeEnvironment(of: record, manifest)
      let digest = try self.digest(record, manifest)
      if !isForced, record.build.state == .done, record.build.digest == digest { return SetupJobResult(skipped: true) }
      try note(entry, job: context.id) { $0.state = .running }
      let ending: ShimCommand.Ending
      do {
        ending = try await ShimCommand("\(record.id).setup", supervision: supervision).run(
          command, environment: environment.assignments, directory: directory,
          secrets: secrets(of: record, manifest, environment), timeoutSeconds: manifest.setup.timeoutSeconds
        ) { context.output($0.text) }
      } catch {
        try note(entry, job: context.id) { build in
          build.state = .failed
          build.message = error is CancellationError ? "It was cancelled." : "\(error)"
        }
        if error is CancellationError { context.output("It was cancelled.") }
        throw PreparationFailure(.setupFailed, error is CancellationError ? "It was cancelled." : "\(error)")
      }
      if let fault = ending.fault(seconds: manifest.setup.timeoutSeconds) {
        try note(entry, job: context.id) { build in
          build.state = .failed
          build.message = fault.message
        }
        throw fault
      }
      // Setups write files that they depend on: what counts is what they depended on in the end.
      let after = try self.digest(record, manifest)
      try note(entry, job: context.id) { build in
        build.state = .done
        build.digest = after
      }
      return SetupJobResult(
        skipped: false, code: 0, durationMs: Int((Timestamp.monotonicNanoseconds() - began) / 1_000_000))
    } catch {
      try context.checkCancellation()
      throw error.protocolError(of: entry.record)
    }
  }

  private func note(
    _ entry: AppEntry, job: String, _ body: (inout AppRecord.Build) -> Void
  ) throws(PreparationFailure) {
    do {
      try change(entry, event: EventType.appUpdated) { record in
        record.build.job = job
        record.build.message = nil
        record.build.endedAt = nil
        body(&record.build)
        if record.build.state != .running { record.build.endedAt = Timestamp.now() }
      }
    } catch {
      throw PreparationFailure(.setupFailed, ProtocolError(describing: error).message)
    }
  }

  private func digest(_ record: AppRecord, _ manifest: Manifest) throws(PreparationFailure) -> String {
    do {
      return try setupDigest(record, manifest)
    } catch {
      throw PreparationFailure(.setupFailed, ProtocolError(describing: error).message)
    }
  }

  /// What the setup depends on: its command, and the files that its inputs match, by name, size and time of change.
  private func setupDigest(_ record: AppRecord, _ manifest: Manifest) throws -> String {
    var hash = SHA256()
    hash.update(data: Array((manifest.setup.command ?? "").utf8))
    var cursor: String?
    repeat {
      guard !manifest.setup.inputs.isEmpty else { break }
      let page = try files.list(
        FileList.Params(
          workspace: record.workspace, path: record.folder.isEmpty ? nil : record.folder, depth: 64,
          include: manifest.setup.inputs, types: [.file], limit: 10_000, cursor: cursor))
      for file in page.entries { hash.update(data: Array("\0\(file.path)\0\(file.etag)".utf8)) }
      cursor = page.nextCursor
    } while cursor != nil
    return hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

extension ShimCommand.Ending {
  /// What is wrong with the end of a setup; nil where it did its work.
  fileprivate func fault(seconds: Double) -> PreparationFailure? {
    switch self {
    case .exited(.code(0)): nil
    case .exited(.code(let code)): PreparationFailure(.setupFailed, "The setup ended with exit code \(code).")
    case .exited(.signal(let signal)): PreparationFailure(.setupFailed, "The setup was ended by signal \(signal).")
    case .timedOut:
      PreparationFailure(
        .setupTimeout, "The setup took longer than \(Int(seconds)) s, and all of it was ended.")
    }
  }
}

extension PreparationFailure {
  /// The same for a client.
  func protocolError(of record: AppRecord) -> ProtocolError {
    let type: ErrorType =
      switch reason {
      case .manifestInvalid: .manifestInvalid
      case .environmentMissing: .environmentMissing
      case .folderMissing: .folderMissing
      case .portTaken: .portTaken
      case .setupTimeout: .setupTimeout
      default: .setupFailed
      }
    var extra: JSONObject = ["app": .string(record.id)]
    if !names.isEmpty { extra["names"] = .array(names.map { .string($0) }) }
    return ProtocolError(type, message, extra: extra)
  }
}
