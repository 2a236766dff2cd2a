package import BerthProtocol

/// How a row of the catalog is brought onto systems of a family, and taken away again.
///
/// Its scripts are POSIX sh for `sh -s`. They write records, `WORD VALUE` a line, to descriptor 3:
///
/// - `present VERSION` or `absent` (probe), `version VERSION` (verify);
/// - `would-package NAME` (probe, where `BERTH_PLAN` is set): install would bring it;
/// - `uses-package NAME`: the row needs it, whoever brought it; `package NAME`: this step brought it;
/// - `path PATH`, `user NAME`, `group NAME`: made by this step;
/// - `kept NAME REASON` (remove): recorded, and had to stay;
/// - `failure TYPE SENTENCE`: why the script ends with another status than 0.
///
/// Install and remove take from their environment `BERTH_STATE` (a folder) and `BERTH_LOCK_SECONDS`; remove takes
/// `BERTH_PACKAGES`, `BERTH_PATHS`, `BERTH_USERS` and `BERTH_GROUPS`, each recorded value on a line.
package struct Recipe: Sendable {
  /// The id of the row: `python-3.13`, `python-3.13-gunicorn`.
  package let row: String
  package let displayName: String
  package let version: String
  /// A server's runtime.
  package let runtime: RuntimeRow?
  package let family: OSFamily
  package let provider: Provider
  let values: [String: ParameterValue]
  let providers: [String: Provider]

  /// Whether install and remove are run as root.
  package var isElevated: Bool { provider.isElevated && family.isLinux }

  /// The packages that it takes from the system's package manager, without what they depend on.
  package var packages: [String] {
    if case .list(let packages)? = values["packages"] { packages } else { [] }
  }

  /// The folder on the machine in which all stands that no package owns, as a person would write it.
  package var folder: String { family.isLinux ? "/opt/berth/\(row)" : "~/.local/share/berth/\(row)" }

  /// The script of a step.
  package func script(_ step: RecipeStep) -> String {
    let body = Templates(providers: providers, provider: provider, family: family).text(step)
    return "#!/bin/sh\n# \(row) on \(family.rawValue), by \(provider.name): \(step.rawValue)\n"
      + assignments(for: body) + body
  }
}
