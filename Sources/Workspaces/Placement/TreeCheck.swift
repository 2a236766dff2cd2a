internal import BerthProtocol
internal import Platform

/// How much a staged tree holds.
struct TreeSummary: Sendable, Hashable {
  /// Links count as files.
  var files = 0
  var directories = 0
  var bytes: Int64 = 0
}

/// The last look at a staged tree before it is put in place, however it came about.
enum TreeCheck {
  /// Looks at everything in a tree: only files, folders and links may be there, and no link may lead out of it, by its
  /// words or by what they come to. Set-id and sticky bits are dropped.
  ///
  /// - Parameter step: Called for each entry; what it throws ends the check.
  static func check(
    _ root: Directory, budget: ContentBudget, step: () throws -> Void = {}
  ) throws -> TreeSummary {
    var budget = budget
    var summary = TreeSummary()
    try TreeWalker(root: root).walk { entry in
      try step()
      try budget.addEntry(entry.path.string)
      let status = try entry.status()
      switch status.kind {
      case .directory:
        summary.directories += 1
      case .file:
        summary.files += 1
        summary.bytes += status.size
        try budget.add(bytes: status.size, of: entry.path.string)
      case .link:
        summary.files += 1
        try check(link: entry, below: root, budget)
        return true
      case .other:
        throw budget.refusal("it is a device, a socket or a pipe", entry.path.string)
      }
      if status.permissions & 0o7000 != 0 {
        let opened = try entry.directory.open(entry.name, [.read, .nonBlocking])
        try opened.setPermissions(status.permissions & 0o777)
      }
      return true
    }
    return summary
  }

  private static func check(link entry: TreeWalker.Entry, below root: Directory, _ budget: ContentBudget) throws {
    let target = try entry.directory.readLink(entry.name)
    if let reason = entry.path.reasonAgainstLink(to: target) { throw budget.refusal(reason, entry.path.string) }
    do throws(SystemError) {
      // Its words may stay inside while a folder on the way is a link itself.
      _ = try root.open(entry.path, [.location])
    } catch {
      guard error.errno == SystemError.Code.crossesDevice else { return }
      let text = String(decoding: target, as: UTF8.self)
      throw budget.refusal("the link leads out of the folder, to `\(text)`", entry.path.string)
    }
  }
}
