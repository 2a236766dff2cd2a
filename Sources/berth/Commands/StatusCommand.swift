import ArgumentParser
import BerthProtocol

/// `berth status`: how the server is.
struct StatusCommand: ServerCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show how the server is.",
    discussion: "Fails with status 1 where a health check does.")

  @OptionGroup(title: "Server and output") var options: CommandOptions

  func run(_ context: Context) throws {
    let status = try context.request(ServerStatus.self, .init())
    context.show(status) { print($0, context.output) }
    guard status.health == .failing else { return }
    let failing = status.checks.filter { $0.state == .failing }.map { "\($0.name): \($0.message)" }
    throw Failure("the server is not well", notes: failing)
  }

  private func print(_ status: ServerState, _ output: Output) {
    let counts = status.counts
    if output.isTerminal {
      let style = output.style
      output.line(
        "\(style(status.health.look, "●")) \(style(.bold, "berth \(status.version)")) has been running for "
          + Humanize.duration(seconds: status.uptimeSeconds))
      output.line()
    }
    var details = Details()
    if !output.isTerminal {
      details.add("version", status.version)
      details.add("health", status.health.rawValue)
    }
    details.add("home", status.home)
    details.add("socket", status.socket.isEmpty ? nil : status.socket)
    details.add("pid", "\(status.pid)")
    details.add("started", status.startedAt)
    details.add(
      "memory",
      "\(Humanize.bytes(status.memory.residentBytes)), at most \(Humanize.bytes(status.memory.peakBytes)) so far")
    details.add("workspaces", "\(counts.workspaces), with \(Humanize.count(counts.snapshots, "snapshot"))")
    details.add("jobs", "\(counts.jobs), of which \(counts.runningJobs) at work")
    details.add("streams", "\(counts.streams), followed by \(counts.attachments)")
    details.add("watches", "\(counts.watches)")
    details.add("connections", "\(counts.connections)")
    details.add("children", "\(counts.children)")
    output.print(details)
    if output.isTerminal { output.line() }
    var table = Table(.left("CHECK"), .left("STATE"), .right("TOOK"), .text("FOUND"))
    for check in status.checks {
      table.add(
        .init(check.name), .init(check.state.rawValue, check.state.look),
        .init(Humanize.duration(seconds: check.durationMs / 1000), .dim), .init(check.message))
    }
    output.print(table)
  }
}

extension Health {
  var look: Style.Look {
    switch self {
    case .ok: .green
    case .warning: .yellow
    case .failing: .red
    }
  }
}
