import BerthClient
import BerthProtocol
import JSON
import Synchronization

/// Tells what connecting would do on instances.
final class ConnectionPlanner {
  private let context: Context
  private let finder: RuntimeFinder
  private let scripts: Bool
  private let temporary = TemporaryResources()

  init(_ context: Context, _ finder: RuntimeFinder, scripts: Bool) {
    (self.context, self.finder, self.scripts) = (context, finder, scripts)
  }

  /// - Throws: `Failure` where something can't be planned.
  func show(_ instances: [Instance]) throws {
    let (home, socket) = (context.home, context.options.socket)
    try Interrupts.observe { [temporary] in
      if let client = try? Launch.connect(home: home, socket: socket, name: "berth") { temporary.remove(client) }
      ExitStatus.interrupted.exit()
    }
    defer { if let client = try? context.client { temporary.remove(client) } }
    let sources = try instances.map(source)
    let params = zip(sources, instances).map { ConnectionPlan.Params(source: $0, target: $1.id) }
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

  /// The resource to plan with: one that is there, or one that is taken away again.
  private func source(for instance: Instance) throws -> String {
    switch try finder.find(for: instance) {
    case .resource(let resource): return resource.id
    case .missing(let runtime):
      let resource = try finder.make(runtime, for: instance)
      temporary.add(resource.id)
      return resource.id
    }
  }
}

/// Resources that are there only to be planned with.
private final class TemporaryResources: Sendable {
  private let ids = Mutex<[String]>([])

  func add(_ id: String) { ids.withLock { $0.append(id) } }

  func remove(_ client: Client) {
    for id in ids.withLock({ $0 }) { _ = try? client.request(ResourceDelete.self, .init(resource: id)) }
    ids.withLock { $0 = [] }
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
      guard scripts, let script = step.script else { continue }
      for line in script.split(separator: "\n", omittingEmptySubsequences: false) {
        output.line("      " + style(.dim, DisplayText.block(String(line))))
      }
    }
    for warning in plan.warnings { output.line("  \(style(.yellow, "!")) \(DisplayText.safe(warning))") }
    if !plan.changes, plan.warnings.isEmpty { output.line("  " + style(.dim, "nothing would be changed")) }
  }
}
