internal import Documents

/// Tells a docker-compose file from a manifest.
enum ComposeFile {
  static let message = """
    this is a docker-compose file, not a manifest; write an `app.runtime.yaml` with `app_id` and `lifecycle.start` \
    (which may well be `docker compose up`) beside it
    """

  /// What a service of a compose file has and a part of an app has not.
  private static let telling: Set<String> = [
    "image", "build", "container_name", "volumes", "networks", "entrypoint", "env_file", "expose", "deploy", "links",
  ]

  /// Where `services` stands in a file that is a docker-compose file; nil for every other one.
  static func recognize(_ root: DocumentNode) -> DocumentPlace? {
    guard case .mapping(let members) = root.content, !members.contains(where: { $0.key == "app_id" }),
      let services = members.first(where: { $0.key == "services" }),
      case .mapping(let entries) = services.value.content
    else { return nil }
    let isCompose = entries.contains { entry in
      guard case .mapping(let fields) = entry.value.content else { return false }
      return fields.contains { telling.contains($0.key) }
    }
    return isCompose ? services.place : nil
  }
}
