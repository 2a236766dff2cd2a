import ArgumentParser
import Foundation

/// Writes everything that is made from the definitions in `Protocol/`.
@main
struct ProtocolGenerator: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ProtocolGenerator",
    abstract: "Writes the Swift, Python and TypeScript code and the documents that are made from Protocol/*.yaml.")

  @Option(help: "The package's folder.")
  var root = "."

  @Flag(help: "Write nothing; fail where a file is not what it would be.")
  var check = false

  func run() throws {
    let root = URL(fileURLWithPath: root, isDirectory: true)
    let definition = try DefinitionReader(folder: root.appendingPathComponent("Protocol")).read()
    let output = OutputFolder(root: root, files: GeneratedFile.all(of: definition))
    let drifted = try output.drifted()
    if check {
      guard drifted.isEmpty else {
        print("These files are not what Protocol/*.yaml makes of them; run `make generate`:")
        for path in drifted { print("  \(path)") }
        throw ExitCode.failure
      }
    } else {
      try output.write(drifted)
      for path in drifted { print(path) }
    }
  }
}
