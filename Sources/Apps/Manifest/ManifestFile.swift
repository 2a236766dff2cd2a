package import Documents
package import Platform

/// What reading a manifest has given.
package struct ManifestReading: Sendable {
  /// nil where there are errors.
  package let manifest: Manifest?
  /// Every fault and every doubt, in the order of the text.
  package let findings: [ManifestFinding]
  package let source: SourceText

  /// The findings as a compiler tells them.
  package func rendered(file: String) -> String {
    findings.rendered(file: file, source: source)
  }
}

/// The file that says what an app is.
package enum ManifestFile {
  /// The names that it may have; where there are several, the first one counts.
  package static let names: [FileName] = ["app.runtime.yaml", "app.runtime.yml", "app.runtime.json"]

  /// Reads a manifest's text.
  ///
  /// - Parameter name: The file's name: one that ends in `.json` is JSON, all others are YAML.
  package static func read(_ bytes: [UInt8], name: String) -> ManifestReading {
    let findings = Findings()
    let document = Document(bytes, format: name.lowercased().hasSuffix(".json") ? .json : .yaml)
    let manifest = ManifestReader.read(document, findings)
    return ManifestReading(manifest: manifest, findings: findings.sorted, source: document.source)
  }

  /// Reads the manifest of the app in a folder; nil where it has none.
  ///
  /// - Throws: `DocumentFileFault` where it is no file or too large, else `SystemError`.
  package static func read(in folder: Directory) throws -> (name: FileName, reading: ManifestReading)? {
    let present = try names.filter { try exists($0, in: folder) }
    guard let name = present.first, let bytes = try folder.readDocument(name) else { return nil }
    let reading = read(bytes, name: name.string)
    let ignored = present.dropFirst().map { other in
      ManifestFinding(
        severity: .warning, code: .ignoredFile, message: "`\(other)` beside this file is not read",
        path: ManifestPath(), place: .start)
    }
    return (
      name, ManifestReading(manifest: reading.manifest, findings: ignored + reading.findings, source: reading.source)
    )
  }

  private static func exists(_ name: FileName, in folder: Directory) throws -> Bool {
    do throws(SystemError) {
      _ = try folder.status(of: name)
      return true
    } catch {
      if error.errno == SystemError.Code.notFound { return false }
      throw error
    }
  }
}
