package import BerthProtocol
import Documents
import JSON
import Platform
import Workspaces

/// `app/validateManifest`.
extension AppService {
  package func validate(_ params: AppValidateManifest.Params) throws -> AppValidateManifest.Result {
    switch (params.text, params.workspace) {
    case (let text?, nil):
      return validation(ManifestFile.read(Array(text.utf8), name: params.file), file: params.file, outer: nil)
    case (nil, let workspace?): return try validate(params.path, in: workspace)
    default:
      throw ProtocolError(.invalidArgument, "Pass either `text`, or `workspace` and `path`.")
    }
  }

  private func validate(_ path: String, in reference: String) throws -> ManifestValidation {
    let opened = try workspaces.open(reference, for: .read)
    let isFile = ManifestFile.names.contains { path == $0.string || path.hasSuffix("/\($0)") }
    let folder = isFile ? path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "" : path
    let app = try AppFolder(folder, in: opened)
    let (name, reading) = try app.manifest()
    let installed = entries.map(\.record).first { $0.workspace == opened.workspace.id && $0.folder == app.path }
    return validation(reading, file: app.path(of: name), outer: installed.map { outerEnvironment(of: $0) })
  }

  private func validation(
    _ reading: ManifestReading, file: String, outer: [String: String]?
  ) -> ManifestValidation {
    ManifestValidation(
      valid: reading.manifest != nil, file: file, app: reading.manifest?.id,
      findings: reading.findings.map { BerthProtocol.ManifestFinding($0, file: file, source: reading.source) },
      environment: reading.manifest?.contract,
      missing: outer.flatMap { outer in reading.manifest?.missingNames(in: outer) })
  }
}

extension BerthProtocol.ManifestFinding {
  init(_ finding: ManifestFinding, file: String, source: SourceText) {
    let path = finding.path.description
    self.init(
      severity: finding.severity == .error ? .error : .warning, message: finding.message,
      path: path.isEmpty ? nil : path, line: finding.line, column: finding.column, suggestion: finding.suggestion,
      text: finding.rendered(file: file, source: source))
  }
}

extension ProtocolError {
  /// A manifest that can't be used.
  static func manifestInvalid(_ reading: ManifestReading, file: String) -> ProtocolError {
    let findings = reading.findings.map { BerthProtocol.ManifestFinding($0, file: file, source: reading.source) }
    let errors = reading.findings.filter { $0.severity == .error }
    let first = errors.first.map { "\(file):\($0.line):\($0.column): \($0.message)" } ?? file
    return ProtocolError(
      .manifestInvalid, errors.count == 1 ? "\(first)." : "\(file) has \(errors.count) errors; the first: \(first).",
      detail: reading.rendered(file: file), extra: ["findings": findings.jsonValue()])
  }
}
