/// A port that an app listens on.
package struct ManifestPort: Sendable, Hashable {
  package enum Number: Sendable, Hashable {
    /// Any free one.
    case any
    /// This one where it is free, else any.
    case preferred(Int)
    /// This one or none.
    case fixed(Int)
  }

  package enum Scheme: String, Sendable, CaseIterable {
    case http, tcp
  }

  package let name: String
  package let number: Number
  package let scheme: Scheme
  /// What belongs behind host and port in the app's URL; with `scheme` http only.
  package let path: SubstitutedText?
  /// The variables that tell the app the number.
  package let environmentNames: [String]
  /// Whether the file names the port itself. One that it does not is leased all the same, as `PORT` and `MCP_PORT` have
  /// always been there, but nobody expects the app to listen on it.
  package let isDeclared: Bool
}

extension Manifest {
  /// The port whose number is `PORT`; nil where no port is.
  package var mainPort: ManifestPort? {
    ports.first { $0.environmentNames.contains("PORT") }
  }
}
