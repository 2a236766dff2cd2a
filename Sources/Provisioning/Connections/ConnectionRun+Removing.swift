import BerthProtocol
import GRDB
import JSON
import Jobs
import Platform

/// Taking away what was brought: exactly that.
extension ConnectionRun {
  func takeAway() async throws {
    do {
      try await removeParts()
    } catch {
      guard try service.row(id).work.isForced, !context.isCancelled, !(error is CancellationError) else { throw error }
      let told = ProtocolError(reaching: machineName, error).message
      context.output("Forgotten all the same: \(told)")
      try service.change(id) { row, _ in
        row.connection.connectionDetails.kept =
          (row.connection.connectionDetails.kept ?? []) + [
            "Forgotten without removing it: \(told)"
          ]
      }
    }
    _ = try await step(.record, "Write down what was done") {
      try service.change(id) { row, _ in
        row.connection.status = .disconnected
        row.connection.activity = nil
        row.connection.step = nil
        row.work = ConnectionWork()
      }
      return (true, nil)
    }
  }

  private func removeParts() async throws {
    let row = try service.row(id)
    let details = row.connection.connectionDetails
    let parts = [details.server, details.runtime] + row.work.obsolete
    guard !row.work.isSettled || parts.contains(where: { $0?.changes.isEmpty == false }) else { return }
    try await connect()
    let facts = try await probe()
    if !row.work.isSettled { try await settle(facts) }
    let settled = try service.row(id).connection.connectionDetails
    for role in [PartRole.server, .runtime] {
      try await remove(role, settled[keyPath: role.path], facts) { row in
        row.connection.connectionDetails[keyPath: role.path]?.changes = .none
      }
    }
    try await removeObsolete(facts)
  }

  /// Finds out what a step did of which nothing was heard to the end: it is attached to where it still runs, and done
  /// again where it is not known, since that tells what both did. It need not succeed for that.
  private func settle(_ facts: InstanceFacts) async throws {
    let work = try service.row(id).work
    for role in PartRole.allCases {
      let word = "\(role.rawValue)-install"
      guard work.attempt?.hasPrefix(word) == true || work.unfinished == word,
        let part = try service.row(id).connection.connectionDetails[keyPath: role.path]
      else { continue }
      _ = try await step(role.install, "Find out what was installed of \(part.name)") {
        () -> (Bool, message: String?)? in
        let known = try service.catalog.known(part, role, on: facts, of: machineName)
        do {
          try await change(word, known.recipe, .install) { row, records in
            row.connection.connectionDetails[keyPath: role.path]?.add(records)
          }
        } catch let error as ProtocolError where !Self.transport.contains(error.type) {
          return (true, error.message)
        }
        return (true, nil)
      }
    }
  }

  /// Removes what an update has replaced.
  func removeObsolete(_ facts: InstanceFacts) async throws {
    for part in try service.row(id).work.obsolete.reversed() {
      let role: PartRole = part.name == part.row ? .runtime : .server
      try await remove(role, part, facts) { row in row.work.obsolete.removeAll { $0.row == part.row } }
    }
  }

  private func remove(
    _ role: PartRole, _ part: ConnectionPart?, _ facts: InstanceFacts,
    forget: @escaping @Sendable (inout ConnectionRow) -> Void
  ) async throws {
    guard let part else { return }
    _ = try await step(role.remove, "Remove \(part.name)") { () -> (Bool, message: String?)? in
      let changes = try handOver(part)
      guard !changes.isEmpty else {
        try service.change(id) { row, _ in forget(&row) }
        return nil
      }
      let known = try service.catalog.known(part, role, on: facts, of: machineName)
      let environment = [
        ("BERTH_PACKAGES", changes.packages), ("BERTH_PATHS", changes.paths), ("BERTH_USERS", changes.users),
        ("BERTH_GROUPS", changes.groups),
      ].map { (name: $0.0, value: $0.1.joined(separator: "\n")) }
      try await change("\(role.rawValue)-remove", known.recipe, .remove, environment: environment) { row, records in
        guard records["exit"] == "0" else { return }
        forget(&row)
        let kept = records.values("kept")
        if !kept.isEmpty {
          row.connection.connectionDetails.kept = (row.connection.connectionDetails.kept ?? []) + kept
        }
      }
      return (true, changes.summary)
    }
  }

  /// Hands to other connections of the machine what they use too: it is theirs to remove from then on.
  ///
  /// - Returns: What nobody else uses.
  private func handOver(_ part: ConnectionPart) throws -> ConnectionChanges {
    try service.store.write { db in
      var left = part.changes
      for var other in try ConnectionRow.of(target, in: db) where other.connection.id != id {
        for role in PartRole.allCases {
          guard var theirs = other.connection.connectionDetails[keyPath: role.path] else { continue }
          let isSame = theirs.row == part.row
          let packages = left.packages.filter { isSame || theirs.uses.contains($0) }
          theirs.changes.packages += packages.filter { !theirs.changes.packages.contains($0) }
          left.packages.removeAll { packages.contains($0) }
          if isSame {
            theirs.changes.paths += left.paths.filter { !theirs.changes.paths.contains($0) }
            theirs.changes.users += left.users.filter { !theirs.changes.users.contains($0) }
            theirs.changes.groups += left.groups.filter { !theirs.changes.groups.contains($0) }
            left = .none
          }
          guard theirs != other.connection.connectionDetails[keyPath: role.path] else { continue }
          other.connection.connectionDetails[keyPath: role.path] = theirs
          try service.save(&other, in: db)
        }
      }
      return left
    }
  }
}
