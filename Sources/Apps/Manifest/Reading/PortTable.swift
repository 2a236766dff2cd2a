/// The ports of a manifest, while it is read.
struct PortTable {
  private(set) var ports: [ManifestPort] = []
  /// The port that probes ask where they name none: the one with `PORT`, else the first.
  private(set) var main: ManifestPort?

  init(_ ports: [ManifestPort] = []) {
    self.ports = ports
    main = ports.first { $0.environmentNames.contains("PORT") } ?? ports.first
  }

  func port(named name: String) -> ManifestPort? { ports.first { $0.name == name } }

  /// Which port gives a variable its value.
  func port(for variable: String) -> ManifestPort? { ports.first { $0.environmentNames.contains(variable) } }
}
