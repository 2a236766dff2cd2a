import BerthProtocol

extension [CatalogRuntime] {
  func table(forTerminal isTerminal: Bool) -> Table {
    var table = Table(.left("ID"), .text("NAME"), .left("OFFERED"), .text("SYSTEMS"), .text("NOTE"))
    for runtime in self {
      table.add(
        .init(runtime.id, .bold), .init(runtime.displayName), .offered(runtime.isActive, isTerminal),
        .init(runtime.os.words(isTerminal)), .init(runtime.note ?? "", .dim))
    }
    return table
  }
}

extension [CatalogServer] {
  func table(forTerminal isTerminal: Bool) -> Table {
    var table = Table(.left("SERVER"), .text("NAME"), .left("OFFERED"), .text("SYSTEMS"), .text("NOTE"))
    for server in self {
      table.add(
        .init(server.name, .bold), .init(server.displayName), .offered(server.isActive, isTerminal),
        .init(server.os.words(isTerminal)), .init(server.note ?? "", .dim))
    }
    return table
  }
}

extension Table.Cell {
  fileprivate static func offered(_ isActive: Bool, _ isTerminal: Bool) -> Table.Cell {
    isActive ? .init("yes", .green) : .init("no", .dim)
  }
}

extension [OSFamily] {
  var words: String { map(\.rawValue).joined(separator: ", ") }

  /// For people, all of them are `all`.
  fileprivate func words(_ isTerminal: Bool) -> String {
    isTerminal && Set(self).count == OSFamily.allCases.count ? "all" : words
  }
}

extension CatalogRuntime {
  var details: Details {
    var details = Details()
    details.add("runtime", id, .bold)
    details.add("name", displayName)
    details.add("language", name)
    details.add("version", runtimeVersion)
    details.addRow(isActive, note, origin, os, changed)
    return details
  }
}

extension CatalogServer {
  var details: Details {
    var details = Details()
    details.add("server", name, .bold)
    details.add("name", displayName)
    details.add("language", runtimeName)
    details.addRow(isActive, note, origin, os, changed)
    return details
  }
}

extension Details {
  fileprivate mutating func addRow(
    _ isActive: Bool, _ note: String?, _ origin: CatalogOrigin, _ os: [OSFamily], _ changed: Bool
  ) {
    add("offered", isActive ? "yes" : "no", isActive ? .green : .dim)
    add("note", note)
    add("from", origin == .home ? "the home's catalog" : nil)
    add("changed", changed ? "by hand" : nil)
    add("systems", os.words)
  }
}

extension Context {
  /// Prints a row of the catalog: what is known of it, and what is done where.
  func print(_ details: Details, _ recipes: [CatalogRecipe], scripts: Bool) {
    var details = details
    for recipe in recipes { details.add(recipe.os.rawValue, "by \(recipe.provider)") }
    output.print(details)
    guard scripts else { return }
    for recipe in recipes {
      for (step, script) in recipe.scripts {
        output.line()
        output.line(output.style(.bold, "# \(recipe.os.rawValue): \(step)"))
        print(script: script)
      }
    }
  }

  /// Prints a script as it is, but for what acts on a terminal.
  func print(script: String) {
    let text = output.isTerminal ? DisplayText.block(script) : script
    output.write((text.hasSuffix("\n") ? text : text + "\n").utf8)
  }
}

extension CatalogRecipe {
  fileprivate var scripts: [(step: String, script: String)] {
    [("probe", probe), ("install", install), ("verify", verify), ("remove", remove)].compactMap { step, script in
      script.map { (step, $0) }
    }
  }
}
