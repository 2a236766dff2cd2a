import ArgumentParser

/// In which project, and in which environment of it.
struct PlaceOptions: ParsableArguments {
  @Option(help: "The project, by its slug or id.", completion: .custom { _, _, _ in Completion.projects() })
  var project: String?

  @Option(help: "The project's environment, by its slug or id.")
  var environment: String?
}
