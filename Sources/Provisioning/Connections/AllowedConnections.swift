import BerthProtocol

/// Which types of resources can be connected: the table, as data.
enum AllowedConnections {
  static let table: [AllowedConnection] = [
    row(.application, .instance), row(.terminal, .instance, supported: true), row(.bucketExplorer, .storageBucket),
    row(.bucketExplorer, .staticWebsite), row(.instance, .firewall), row(.runtime, .instance, supported: true),
    row(.runtime, .scalableServer),
  ]

  private static func row(
    _ source: ResourceType, _ target: ResourceType, supported: Bool = false
  ) -> AllowedConnection {
    AllowedConnection(sourceResourceType: source, targetResourceType: target, supported: supported)
  }

  /// - Throws: `connection_not_allowed`.
  static func check(_ source: Resource, _ target: Resource) throws {
    let (from, to) = (source.resourceType, target.resourceType)
    let row = table.first { $0.sourceResourceType == from && $0.targetResourceType == to }
    if row?.supported == true { return }
    throw ProtocolError(
      .connectionNotAllowed,
      row == nil
        ? "Connection from \(from.rawValue) to \(to.rawValue) is not allowed. `connection/listAllowed` has the table."
        : "Connection from \(from.rawValue) to \(to.rawValue) is not supported by this server yet.")
  }
}
