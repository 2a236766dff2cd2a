import BerthProtocol
import Platform
import Supervisor

/// What an app finds in its environment: the same for setup, start, stop and probes.
extension AppService {
  /// What every process is given of the server's own environment; the rest is the business of whoever started it.
  private static let inherited: Set<String> = [
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR",
  ]

  /// What comes from outside the manifest: the machine's, the configuration's, the app's own, and then the secrets.
  func outerEnvironment(of record: AppRecord) -> [String: String] {
    var values = ["PATH": "/usr/local/bin:/usr/bin:/bin"]
    for (name, value) in ProcessEnvironment.current where Self.inherited.contains(name) || name.hasPrefix("LC_") {
      values[name] = value
    }
    values.merge(config().environment ?? [:]) { $1 }
    values.merge(record.env) { $1 }
    values.merge(record.secrets) { $1 }
    values["BERTH_APP"] = record.app
    values["BERTH_APP_ID"] = record.id
    values["BERTH_WORKSPACE"] = record.workspace
    return values
  }

  func environment(of record: AppRecord, _ manifest: Manifest) throws(UnresolvedReferences) -> ManifestEnvironment {
    let numbers = Dictionary(ports.list(app: record.id).map { ($0.name, $0.port) }) { first, _ in first }
    return try manifest.environment(over: outerEnvironment(of: record), portNumbers: numbers)
  }

  /// - Throws: `PreparationFailure` naming all that is missing.
  func completeEnvironment(
    of record: AppRecord, _ manifest: Manifest
  ) throws(PreparationFailure) -> ManifestEnvironment {
    let missing = manifest.missingNames(in: outerEnvironment(of: record))
    guard missing.isEmpty else {
      throw PreparationFailure(
        .environmentMissing,
        "\(missing.joined(separator: ", ")) \(missing.count == 1 ? "has" : "have") no value. "
          + "Give \(missing.count == 1 ? "it" : "them") with `berth app configure \(record.app) NAME=VALUE`.",
        names: missing)
    }
    do {
      return try environment(of: record, manifest)
    } catch {
      let sentences = error.findings.map { "line \($0.line): \($0.message)" }
      throw PreparationFailure(.environmentMissing, sentences.joined(separator: "; "))
    }
  }
}

extension ManifestEnvironment {
  /// `NAME=value`, sorted.
  var assignments: [String] { variables.map { "\($0.key)=\($0.value)" }.sorted() }
}
