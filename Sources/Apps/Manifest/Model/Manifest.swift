package import JSON

/// What an app is, as its `app.runtime.yaml` says, with every form of the file brought to one.
///
/// `Protocol/app.runtime.schema.json` documents the fields of the file. Times are in seconds, sizes in bytes.
package struct Manifest: Sendable, Hashable {
  /// `app_id`: one word, fit for a file's name.
  package let id: String
  /// What people call it; its id where it has no name.
  package let name: String
  package let slug: String?
  package let description: String?

  package let setup: ManifestSetup
  package let start: ManifestStart
  package let stop: ManifestStop

  /// In the order of the file; no two have a name, a fixed number or an environment name in common.
  package let ports: [ManifestPort]
  /// Other apps that must have come so far before this one starts.
  package let dependencies: [ManifestDependency]
  package let restart: ManifestRestart
  package let probes: ManifestProbes
  package let limits: ManifestLimits
  /// -20 (first) to 19 (last).
  package let nice: Int

  /// `env`: variables that the app is given.
  package let environment: [ManifestVariable]
  /// `env_contract`: names that must have a value before anything starts.
  package let contract: [String]
  /// Names whose values come from outside, are never written down, and are masked in the output.
  package let secrets: [String]

  package let mcp: ManifestMCP?
  package let integrations: [ManifestIntegration]
  /// The parts of an app in the older form of the file. `start` runs them all where the file has no start of its own.
  package let services: [ManifestService]
  /// `data_schema`, as it is written.
  package let dataSchema: JSONValue?
  /// `triggers`, as they are written.
  package let triggers: JSONValue?
}

/// How an app is made ready to start.
package struct ManifestSetup: Sendable, Hashable {
  /// For `/bin/sh -c`; nil where there is nothing to do.
  package let command: String?
  /// Globs of files in the app's folder; when what they match has changed, setup must run again. Empty: it runs once.
  package let inputs: [String]
  package let timeoutSeconds: Double
}

/// How an app is started.
package struct ManifestStart: Sendable, Hashable {
  /// For `/bin/sh -c`; nil where the file has none, so that the app cannot be started.
  package let command: String?
  /// How long it may take to become ready.
  package let timeoutSeconds: Double
}

/// How an app is stopped: by its command where it has one, then by signal, and killed after the grace time.
package struct ManifestStop: Sendable, Hashable {
  package let command: String?
  package let signal: ManifestSignal
  package let graceSeconds: Double
}

/// Another app that must have come so far.
package struct ManifestDependency: Sendable, Hashable {
  package enum Condition: String, Sendable, CaseIterable {
    /// Its start command runs.
    case started
    /// It is ready, as its probes say.
    case ready
    /// It has ended, and well.
    case completed
  }

  /// The other app's id.
  package let app: String
  package let condition: Condition
}

/// A variable of `env`.
package struct ManifestVariable: Sendable, Hashable {
  package let name: String
  package let value: SubstitutedText
}
