import ArgumentParser
import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform

/// Something that ends the command: a sentence on standard error, and an exit status.
struct Failure: Error, CustomStringConvertible {
  let description: String
  var status: ExitStatus
  /// Further lines below the sentence.
  var notes: [String]
  /// What to do about it.
  var hint: String?

  init(_ description: String, status: ExitStatus = .failed, notes: [String] = [], hint: String? = nil) {
    self.description = description
    self.status = status
    self.notes = notes
    self.hint = hint
  }

  /// What a server answered in place of a result.
  init(_ error: CallError) {
    self.init(
      error.message, status: error.type == .shuttingDown ? .unavailable : ExitStatus(errorCode: error.code),
      notes: Self.notes(error.message, error.detail, error.faults),
      hint: error.type.flatMap(Self.hint))
    // Not to be had now because of the disk or the database: the server is there.
    if [.noSpace, .databaseUnavailable, .instanceNoSpace].contains(error.type) { status = .failed }
  }

  /// Why a job did not do what it was to do.
  init(_ job: Job) {
    switch (job.state, job.error) {
    case (.cancelled, _):
      self.init("the job \(job.id) was cancelled; it left nothing half done", status: .failed)
    case (.interrupted, _):
      self.init(
        "the job \(job.id) was interrupted by the end of the server; it left nothing half done", status: .failed,
        hint: "run the command again")
    case (_, let error?):
      self.init(
        error.message, status: ExitStatus(errorCode: error.code),
        notes: Self.notes(error.message, error.detail, error.errors ?? []),
        hint: ErrorType(rawValue: error.type).flatMap(Self.hint))
    default:
      self.init("the job \(job.id) is \(job.state.rawValue)")
    }
  }

  /// A row a fault, and the detail where it says more than these; nothing that the message has said already.
  private static func notes(_ message: String, _ detail: String?, _ faults: [Fault]) -> [String] {
    let rows = faults.filter { !message.contains($0.msg) }.map(note)
    guard let detail, !message.contains(detail) else { return rows }
    let isTold = !faults.isEmpty && faults.allSatisfy { detail.contains($0.msg) }
    return (isTold ? [] : [detail]) + rows
  }

  private static func note(_ fault: Fault) -> String {
    let path = fault.loc.map { $0.stringValue ?? "[\($0.jsonString)]" }.joined(separator: ".")
    return path.isEmpty ? fault.msg : "\(path): \(fault.msg)"
  }

  private static func hint(_ type: ErrorType) -> String? {
    switch type {
    case .workspaceNotFound: "`berth workspace list` shows those that there are"
    case .folderMissing: "`berth workspace update WORKSPACE --path FOLDER` points it at where the folder is now"
    case .workspaceArchived: "`berth workspace update WORKSPACE --state active` makes it writable"
    case .workspaceBusy: "`berth job list --state running` shows the job"
    case .templateVariables: "pass values with --var NAME=VALUE"
    case .snapshotNotFound: "`berth snapshot list WORKSPACE` shows those that there are"
    case .streamNotFound: "`berth stream list` shows those that there are"
    case .jobNotFound: "`berth job list` shows those that there are"
    case .directoryNotEmpty: "--recursive deletes what it holds too"
    case .configFileBroken: "`berth config edit` opens the file"
    case .appNotFound:
      "`berth ps` shows those that there are; `berth up` installs those that a workspace's folders hold"
    case .appAmbiguous: "WORKSPACE/APP names that of one workspace; `berth ps` shows them"
    case .manifestNotFound: "`berth app validate FOLDER` checks a manifest"
    case .manifestInvalid: "`berth app validate FOLDER` checks it again"
    case .environmentMissing: "`berth app configure APP NAME=VALUE` gives a value, --secret NAME a secret one"
    case .setupFailed, .setupTimeout: "`berth app setup APP --force` runs it again"
    case .stopFailed: "`berth ps` shows the app; `berth down APP` tries again"
    case .portNotFound: "`berth ports` shows those that are leased"
    case .portTaken: "`berth port who PORT` tells who has it"
    case .portInUse: "`berth app stop APP` stops the app that listens"
    case .agentNotFound, .agentInvalid: "`berth agents` shows those that there are, `berth agent add` declares one"
    case .sessionNotFound: "`berth runs` shows the runs, and `berth run show RUN` the session of one"
    case .runNotFound, .permissionNotFound: "`berth runs` shows those that there are"
    case .runEnded: "`berth run --continue PROMPT` goes on with the session"
    case .noFreePort: "`berth ports` shows the leases, `berth config set apps.ports.last 39999` makes the range larger"
    default: provisioningHint(type)
    }
  }
}

extension Failure {
  /// Every error that can end a command, as a failure.
  init(_ error: any Error) {
    switch error {
    case let failure as Failure: self = failure
    case let error as CallError: self.init(error)
    case let failed as JobFailed: self.init(failed)
    case let error as ProtocolError: self.init(error.message, status: ExitStatus(errorCode: error.code))
    case let error as Launch.Unavailable: self.init(error.reason, status: .unavailable)
    case is Disconnected:
      self.init("the server closed the connection before it answered", status: .unavailable)
    case let error as JSONSyntaxError: self.init("not JSON: \(error)", status: .usage)
    case let error as DecodingFaults: self.init("\(error)", status: .usage)
    case let error as SystemError: self.init("\(error)")
    default: self.init("\(error)")
    }
  }

  /// Tells what went wrong, and ends the program.
  func exit() -> Never {
    let style = Style.errors
    Messages.line(style(.boldRed, "berth:") + " " + Self.lines(description).joined(separator: "\n"))
    for note in notes {
      for line in Self.lines(note) { Messages.line("  " + line) }
    }
    if let hint { Messages.line(style(.dim, "  hint: \(DisplayText.safe(hint))")) }
    Glibc.exit(status.rawValue)
  }

  private static func lines(_ text: String) -> [String] {
    text.split(separator: "\n", omittingEmptySubsequences: true).map { DisplayText.safe(String($0)) }
  }
}
