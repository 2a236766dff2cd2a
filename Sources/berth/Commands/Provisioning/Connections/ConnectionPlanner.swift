import BerthProtocol
import JSON

/// Tells what connecting would do on instances.
struct ConnectionPlanner {
  let context: Context
  let finder: RuntimeFinder
  /// Whether the scripts are printed too.
  let scripts: Bool

  /// - Throws: `Failure` where something can't be planned.
  func show(_ instances: [Instance]) throws {
    let params = try instances.map(params)
    var failures: [Failure] = []
    for (instance, result) in zip(instances, try context.requestEach(ConnectionPlan.self, params)) {
      do {
        let plan = try result.get()
        if context.json { context.output.jsonLine(plan) } else { context.print(plan, scripts: scripts) }
      } catch {
        let failure = Failure(error, instance: instance.name)
        failures.append(failure)
        if instances.count > 1 {
          context.output.flush()
          Messages.line("\(DisplayText.safe(instance.name)): \(DisplayText.safe(failure.description))")
          if let hint = failure.hint { Messages.line(Style.errors(.dim, "    hint: \(DisplayText.safe(hint))")) }
        }
      }
    }
    context.output.flush()
    if let failure = Failure(failures, of: instances.count, "can not be planned") { throw failure }
  }

  private func params(for instance: Instance) throws -> ConnectionPlan.Params {
    switch try finder.find(for: instance) {
    case .resource(let resource): .init(target: instance.id, source: resource.id)
    case .missing(let runtime): .init(target: instance.id, runtimeId: runtime.id, applicationServer: finder.server)
    }
  }
}

extension Context {
  /// Prints the steps of a plan, a line each: `+` for what would be done, `=` for what is there already.
  func print(_ plan: PlannedConnection, scripts: Bool) {
    let style = output.style
    output.line(
      style(.bold, DisplayText.safe(plan.target.name)) + "  "
        + style(.dim, DisplayText.safe(plan.facts.system)))
    for step in plan.steps {
      let mark = step.needed ? style(.green, "+") : style(.dim, "=")
      let title = DisplayText.safe(step.title)
      let remark = step.needed ? (step.elevated ? "as root" : "") : "nothing to do"
      output.line(
        "  \(mark) " + (step.needed ? title : style(.dim, title)) + (remark.isEmpty ? "" : style(.dim, ", " + remark)))
      if let packages = step.packages {
        let line = "\(packages.count) packages: \(packages.joined(separator: " "))"
        output.line("      " + style(.dim, DisplayText.safe(packages.count == 1 ? "1 package: \(packages[0])" : line)))
      }
      guard scripts, let script = step.script else { continue }
      for line in script.split(separator: "\n", omittingEmptySubsequences: false) {
        output.line("      " + style(.dim, DisplayText.block(String(line))))
      }
    }
    for warning in plan.warnings { output.line("  \(style(.yellow, "!")) \(DisplayText.safe(warning))") }
    if !plan.changes, plan.warnings.isEmpty { output.line("  " + style(.dim, "nothing would be changed")) }
  }
}
