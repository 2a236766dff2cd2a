import ArgumentParser
import BerthProtocol
import Glibc

extension AppCommand {
  struct Validate: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "validate",
      abstract: "Check a manifest, and tell every fault with its place.",
      discussion: "Needs no workspace, and installs nothing. Fails with status 1 where there are errors.")

    @Argument(help: "The manifest, or the folder that it is in; `-` for standard input.", completion: .file())
    var path = "."

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let (file, bytes) = try read()
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw Failure("\(file) is not UTF-8")
      }
      let validation = try context.request(AppValidateManifest.self, .init(text: text, file: Self.shown(file)))
      let errors = validation.findings.count { $0.severity == .error }
      let warnings = validation.findings.count - errors
      context.show(validation) { validation in
        context.print(validation.findings)
        guard validation.valid else { return }
        let app = validation.app.map { " of `\(DisplayText.safe($0))`" } ?? ""
        let doubts = warnings == 0 ? "" : ", with \(Humanize.count(warnings, "warning"))"
        context.output.line("\(DisplayText.safe(file)) is a valid manifest\(app)\(doubts)")
      }
      guard validation.valid else { throw Failure("\(file) has \(Humanize.count(errors, "error"))") }
    }

    /// The file's name as it is to be told, and what it holds.
    private func read() throws -> (file: String, bytes: [UInt8]) {
      if path == "-" { return ("<stdin>", try Input.readAll()) }
      var status = stat()
      guard stat(path, &status) == 0 else {
        throw Failure("\(path): \(String(cString: strerror(errno)))", status: errno == ENOENT ? .notFound : .failed)
      }
      guard status.st_mode & S_IFMT == S_IFDIR else { return (path, try Input.readAll(path)) }
      guard let file = ManifestFile.find(in: path) else {
        throw Failure(
          "\(path) has no \(ManifestFile.names[0])", status: .notFound, hint: "write one that says how the app starts")
      }
      return (file.hasPrefix("./") ? String(file.dropFirst(2)) : file, try Input.readAll(file))
    }

    /// The end of a path that is longer than the server takes.
    private static func shown(_ file: String) -> String {
      file.count <= 255 ? file : String(file.split(separator: "/").last ?? "app.runtime.yaml")
    }
  }
}
