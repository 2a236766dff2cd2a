import ArgumentParser
import BerthClient
import BerthProtocol
import JSON

extension InstanceCommand {
  struct Probe: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "probe",
      abstract: "Log in to instances, side by side, and look: the system, its size, how to become root.",
      discussion: "Nothing is changed. With --json, one object a line for each. Fails where one can't be reached.")

    @Argument(
      help: "The instances' ids, or names where only one has them.",
      completion: .custom { _, _, _ in Completion.instances() })
    var instances: [String] = []

    @Flag(name: .shortAndLong, help: "All instances.")
    var all = false

    @OptionGroup var place: PlaceOptions

    @Option(help: "How long it may take, in seconds.")
    var timeout = 60.0

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func validate() throws {
      if all, !instances.isEmpty { throw ValidationError("--all excludes NAME.") }
      if !all, instances.isEmpty, place.project == nil {
        throw ValidationError("Name instances, or give --all or --project.")
      }
      if !instances.isEmpty, place.project != nil || place.environment != nil {
        throw ValidationError("--project and --environment exclude NAME.")
      }
    }

    func run(_ context: Context) throws {
      let targets =
        try instances.isEmpty
        ? context.allInstances(project: place.project, environment: place.environment)
        : context.instances(instances)
      let calls = ParallelCalls(context, targets.map(\.name), step: "looking")
      try calls.run(InstanceProbe.self, targets.map { .init(instance: $0.id, timeoutSeconds: timeout) }) {
        index, result in
        switch result {
        case .success(let probe): Self.shown(probe)
        case .failure(let error):
          Self.shown(Failure(error, instance: targets[index].name), error, targets[index])
        }
      }
    }

    private static func shown(_ probe: InstanceProbeResult) -> ParallelCalls.Shown {
      let facts = probe.instance.facts
      let system = facts?.summary ?? "reached"
      let latency = Humanize.duration(seconds: probe.latencyMs / 1000)
      return .init(
        isDone: true, text: "\(system), \(latency) away",
        row: [
          "ready", facts?.os.label ?? "", facts?.architecture ?? "", facts?.elevation.rawValue ?? "",
          "\((probe.latencyMs * 100).rounded() / 100)",
        ],
        notes: probe.warnings, json: probe.jsonValue())
    }

    private static func shown(_ failure: Failure, _ error: CallError, _ instance: Instance) -> ParallelCalls.Shown {
      var object: JSONObject = ["instance": instance.jsonValue(), "error": .string(failure.description)]
      if let type = error.type { object["type"] = .string(type.rawValue) }
      if let fingerprint = error.data?["fingerprint"] { object["fingerprint"] = fingerprint }
      var shown = ParallelCalls.Shown(failure, json: .object(object))
      shown.row = [error.type?.rawValue ?? "failed", failure.description]
      return shown
    }
  }
}
