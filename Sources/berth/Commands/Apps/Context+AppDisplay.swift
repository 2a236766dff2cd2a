import BerthProtocol

extension Context {
  /// Prints all that is known of an app.
  func print(_ app: App) {
    var details = Details()
    details.add("app", app.app, .bold)
    details.add("name", app.name == app.app ? nil : app.name)
    details.add("id", app.id)
    details.add("workspace", app.workspace)
    details.add("folder", app.folder.isEmpty ? "." : app.folder)
    details.add("manifest", app.manifest)
    details.add("state", output.isTerminal ? app.state.words : app.state.rawValue, app.state.look)
    details.add("because", app.message ?? (output.isTerminal ? app.reason?.words : app.reason?.rawValue))
    details.add("wanted", app.desired.rawValue)
    details.add("since", time(app.since))
    details.add("next try", app.nextTryAt.map(time))
    details.add("pid", app.pid.map { "\($0)" })
    details.add("left over", app.processes.map { $0.map { "\($0)" }.joined(separator: " ") }, .red)
    details.add("started", app.startedAt.map(time))
    details.add("restarts", app.restarts == 0 ? nil : "\(app.restarts)")
    for port in app.ports {
      details.add("port", "\(port.name) \(port.place)" + (port.listening ? "" : ", nothing listens"))
    }
    for dependency in app.dependsOn { details.add("depends on", "\(dependency.app), \(dependency.condition.rawValue)") }
    details.add("setup", app.build.state == .none ? nil : app.build.state.rawValue, app.build.state.look)
    details.add("setup job", app.build.job)
    for (name, value) in app.env.sorted(by: { $0.key < $1.key }) { details.add("env", "\(name)=\(value)") }
    for name in app.secretEnv { details.add("secret", name) }
    details.add("stream", app.stream)
    details.add("version", "\(app.version)")
    details.add("installed", time(app.createdAt))
    details.add("changed", time(app.updatedAt))
    if let exit = app.lastExit {
      details.add("last exit", "\(exit.words), \(time(exit.at))")
      for line in exit.lines ?? [] { details.add("wrote", line, .dim) }
    }
    output.print(details)
  }

  /// Prints findings about a manifest as a compiler does.
  func print(_ findings: [ManifestFinding], toErrors: Bool = false) {
    let style = toErrors ? Style.errors : output.style
    for finding in findings {
      let look: Style.Look = finding.severity == .error ? .boldRed : .yellow
      let word = "\(finding.severity.rawValue):"
      for (index, line) in finding.text.split(separator: "\n").enumerated() {
        var text = DisplayText.safe(String(line))
        // The first one begins `file:line:column: error:`.
        if index == 0, let place = text.firstRange(of: " \(word) ") {
          text =
            style(.bold, String(text[..<place.lowerBound])) + " " + style(look, word) + " " + text[place.upperBound...]
        }
        if toErrors { Messages.line(text) } else { output.line(text) }
      }
    }
  }
}
