import Glibc

/// Agents and an endpoint of others, as `.ci/install-agents` puts them into the folder that `BERTH_TEST_AGENTS` names.
package enum RealAgents {
  private static let folder = getenv("BERTH_TEST_AGENTS").map { String(cString: $0) }

  package static func path(_ name: String) -> String { "\(folder ?? "")/\(name)" }

  package static func has(_ name: String) -> Bool { folder != nil && access(path(name), R_OK) == 0 }
}
