import BerthProtocol
import Platform
import Supervisor

/// An app as it is kept.
struct AppRecord: Sendable {
  /// How the setup stands.
  struct Build: Sendable, Hashable {
    var state = BuildState.needed
    /// What it depended on when it was done last.
    var digest: String?
    var job: String?
    var endedAt: String?
    var message: String?
  }

  let id: String
  /// The id of its workspace.
  let workspace: String
  /// The `app_id` of its manifest.
  var app: String
  var name: String
  /// In the workspace; empty for its own folder.
  let folder: String
  /// The manifest's name, and what it holds.
  var manifestFile: String
  var manifestText: String
  /// The manifest, read; nil where it has errors.
  var manifest: Manifest?
  var desired = AppDesired.stopped
  var env: [String: String]
  /// Never answered, logged or written in the clear.
  var secrets: [String: String]
  var build = Build()
  /// What was seen last, and since when it is in this state.
  var observed = ObservedProcess()
  var since: String
  var nextTryAt: String?
  /// The machine's start in which that was.
  var boot = ProcessIdentity.boot
  var version = 1
  let createdAt: String
  var updatedAt: String

  var stream: String { "app/\(id)/log" }

  /// The manifest, as a path in the workspace.
  var manifestPath: String { folder.isEmpty ? manifestFile : "\(folder)/\(manifestFile)" }

  /// Takes a manifest that was read.
  mutating func take(_ manifest: Manifest, file: String, text: [UInt8]) {
    app = manifest.id
    name = manifest.name
    manifestFile = file
    manifestText = String(decoding: text, as: UTF8.self)
    self.manifest = manifest
  }
}
