import BerthProtocol

extension Context {
  /// Shows what became of apps, and fails where they are not as they were to become.
  ///
  /// - Parameter goal: What they were to become: `run` or `stopped`.
  func settle(_ outcome: AppsOutcome, _ goal: String) throws {
    show(outcome) { outcome in
      let isRun = goal == "run"
      var table = isRun ? Table(.left("APP"), .left("STATE"), .text("AT")) : Table(.left("APP"), .left("STATE"))
      for app in outcome.apps {
        let state = app.state.cell(on: output)
        if isRun {
          table.add(.init(app.app, .bold), state, .init(app.ok ? app.ports.words(forPeople: output.isTerminal) : ""))
        } else {
          table.add(.init(app.app, .bold), state)
        }
      }
      output.print(table)
    }
    let failed = outcome.apps.filter { !$0.ok }
    guard !outcome.ok, let first = failed.first else { return }
    output.flush()
    throw Failure(
      failed.summary(of: outcome.apps.count, goal),
      notes: json ? [] : failed.flatMap(\.notes),
      hint: first.lines?.isEmpty == false ? "`berth logs \(first.app)` shows all that it wrote" : nil)
  }
}

extension [AppOutcome] {
  func summary(of total: Int, _ goal: String) -> String {
    let verb =
      goal == "run" ? (count == 1 ? "does not run" : "do not run") : (count == 1 ? "is not" : "are not") + " \(goal)"
    return total == 1 ? "\(self[0].app) \(verb)" : "\(count) of \(total) apps \(verb)"
  }
}

extension AppOutcome {
  /// Why it is not as it was to become, and what it wrote last.
  var notes: [String] {
    let why = message ?? reason?.words
    return ["\(app) \(state.predicate)" + (why.map { ": \($0)" } ?? "")] + (lines ?? []).map { "  | \($0)" }
  }
}
