package import BerthProtocol
import JSON
import SSH

/// What connecting would do, and whether what it did is still there. Neither changes anything.
extension ConnectionService {
  /// `connection/plan`.
  package func plan(_ params: ConnectionPlan.Params) async throws -> PlannedConnection {
    let (source, metadata, target) = try planned(params)
    let machine = try await instances.machine(target.id)
    let facts = try await instances.look(machine).facts
    guard let metadata else {
      return PlannedConnection(
        source: source, target: target, facts: facts,
        steps: [PlannedStep(step: .connect, title: "Open a shell on \(target.name)", needed: true, elevated: false)],
        changes: false, warnings: machine.access.warnings)
    }
    let wanted = try catalog.wanted(metadata, on: facts, of: target.name)
    var steps: [PlannedStep] = []
    var warnings = machine.access.warnings
    var packages: Set<String> = []
    for part in wanted {
      let records = try await ask(part.recipe, "BERTH_PLAN=1\n" + part.recipe.script(.probe), on: machine)
      let present = records["present"]
      // What an earlier step brings is there by then.
      let coming = records.values("would-package").filter { packages.insert($0).inserted }
      steps.append(
        PlannedStep(
          step: part.role.install,
          title: "\(part.recipe.displayName), by \(part.recipe.provider.displayName): "
            + (present.map { "\($0) is there" } ?? "to be installed"),
          needed: present == nil, elevated: part.recipe.isElevated,
          packages: coming.isEmpty ? nil : coming, script: present == nil ? part.recipe.script(.install) : nil))
      if present == nil, part.recipe.isElevated {
        do {
          _ = try machine.elevator(facts)
        } catch let error as ProtocolError {
          warnings.append(error.message)
        }
      }
    }
    let needed = steps.contains { $0.needed }
    steps.append(
      PlannedStep(
        step: .verify, title: "Ask for the versions", needed: needed, elevated: false,
        script: needed ? wanted.map { $0.recipe.script(.verify) }.joined(separator: "\n") : nil))
    return PlannedConnection(
      source: source, target: target, facts: facts, steps: steps, changes: needed, warnings: warnings)
  }

  /// - Returns: The source, where it is a resource; what is said of the runtime, where it is one; the target.
  private func planned(
    _ params: ConnectionPlan.Params
  ) throws -> (source: Resource?, metadata: ResourceMetadata?, target: Resource) {
    switch (params.source, params.runtimeId) {
    case (let source?, nil) where params.applicationServer == nil:
      let (source, target) = try pair(source, params.target)
      return (source, source.resourceType == .runtime ? source.metadata : nil, target)
    case (nil, let runtime?):
      let metadata = try catalog.metadata(runtime, server: params.applicationServer)
      return (nil, metadata, try instances.projects.find(params.target, type: .instance).resource)
    default:
      throw ProtocolError(
        .invalidArgument,
        "Name either a resource as `source`, or a runtime as `runtimeId`, with its `applicationServer`."
      )
    }
  }

  /// `connection/verify`.
  package func verify(_ params: ConnectionVerify.Params) async throws -> ConnectionVerification {
    let connection = try runtimeConnection(params.connection)
    guard connection.status == .connected else {
      throw Self.wrongState(connection, "There is nothing to compare the instance with.")
    }
    let machine = try await instances.machine(connection.targetResourceId)
    let facts = try await instances.look(machine).facts
    var differences: [ConnectionDifference] = []
    for role in PartRole.allCases {
      guard let part = connection.connectionDetails[keyPath: role.path] else { continue }
      let known = try catalog.known(part, role, on: facts, of: connection.targetName)
      let found = try await ask(known.recipe, known.recipe.script(.probe), on: machine)["present"]
      let expected = part.installedVersion ?? ""
      if found != expected {
        differences.append(ConnectionDifference(part: part.name, expected: expected, found: found))
      }
    }
    return ConnectionVerification(
      connection: connection, matches: differences.isEmpty, differences: differences)
  }

  private func ask(_ recipe: Recipe, _ script: String, on machine: Machine) async throws -> RemoteRecords {
    do {
      let outcome = try await machine.run(script, timeoutSeconds: Machine.shortSeconds)
      if outcome.exit == .status(0) { return outcome.records }
      throw ProtocolError(
        .commandFailed,
        "\(machine.instance.name): asking for \(recipe.displayName) failed: \(outcome.lastLines.last ?? "it wrote nothing")",
        extra: ["lastLines": .array(outcome.lastLines.map { .string($0) })])
    } catch {
      throw ProtocolError(reaching: machine.instance.name, error)
    }
  }
}
