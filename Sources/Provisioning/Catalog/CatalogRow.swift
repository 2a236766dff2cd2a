package import BerthProtocol

/// A version of a runtime.
package struct RuntimeRow: Sendable, Hashable {
  /// What stands for the version that the distribution has, whichever that is.
  package static let system = "system"

  /// The family: `python`.
  package let name: String
  /// `system`, or the beginning of a version: `3.13`.
  package let version: String
  package let displayName: String
  /// Whether it is offered.
  package let isActive: Bool
  /// Why it is not offered, or what one should know of it.
  package let note: String?
  package let recipes: [OSFamily: [RecipeChoice]]

  /// `python-3.13`.
  package var id: String { "\(name)-\(version)" }
}

/// A server of a runtime's family.
package struct ServerRow: Sendable, Hashable {
  /// The family of runtimes: `python`.
  package let runtimeName: String
  /// `gunicorn`.
  package let name: String
  package let displayName: String
  /// The version that is installed where the row pins one.
  package let version: String?
  package let isActive: Bool
  package let note: String?
  package let recipes: [OSFamily: [RecipeChoice]]

  /// `python-gunicorn`.
  package var id: String { "\(runtimeName)-\(name)" }
}

/// One of the ways in which a row is installed on a family of systems; the first one that fits counts.
package struct RecipeChoice: Sendable, Hashable {
  /// To which versions of the runtime it applies.
  package enum Condition: String, Sendable, CaseIterable {
    case any
    /// The distribution's own version.
    case system
    /// A version that is named.
    case pinned
  }

  package let condition: Condition
  package let provider: String
  package let values: [String: ParameterValue]

  func applies(to version: String) -> Bool {
    switch condition {
    case .any: true
    case .system: version == RuntimeRow.system
    case .pinned: version != RuntimeRow.system
    }
  }
}
