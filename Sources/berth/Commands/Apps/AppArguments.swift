import ArgumentParser

/// The app that a command is about.
struct AppArgument: ParsableArguments {
  @Argument(
    help: "The app's id or app_id; WORKSPACE/APP for that of one workspace.",
    completion: .custom { _, _, _ in Completion.apps() })
  var app: String
}

/// The apps that a command is about, at least one.
struct AppsArgument: ParsableArguments {
  @Argument(
    help: "The apps' ids or app_ids; WORKSPACE/APP for those of one workspace.",
    completion: .custom { _, _, _ in Completion.apps() })
  var apps: [String]
}

/// The apps that a command is about: some, or all of a workspace.
struct AppSelection: ParsableArguments {
  @Argument(
    help: "The apps' ids or app_ids; WORKSPACE/APP for those of one workspace. Default: all of the workspace.",
    completion: .custom { _, _, _ in Completion.apps() })
  var apps: [String] = []

  @Option(
    name: .shortAndLong, help: "The workspace. Default: the one that holds the working folder.",
    completion: .custom { _, _, _ in Completion.workspaces() })
  var workspace: String?
}
