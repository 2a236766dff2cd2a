import Foundation

/// The generated files as they are on disk beside what they ought to be.
struct OutputFolder {
  let root: URL
  let files: [GeneratedFile]

  /// Folders that hold generated files only: what is in them and no longer made is stale.
  static let ownFolders = [SwiftOutput.folder]

  /// The paths of files that differ, are missing or are stale.
  func drifted() throws -> [String] {
    var paths = files.filter { (try? Data(contentsOf: url($0.path))) != Data($0.text.utf8) }.map(\.path)
    let expected = Set(files.map(\.path))
    for folder in Self.ownFolders {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: url(folder).path)) ?? []
      paths += names.map { "\(folder)/\($0)" }.filter { !expected.contains($0) }
    }
    return paths.sorted()
  }

  /// Writes or removes the files of these paths.
  func write(_ paths: [String]) throws {
    let texts = Dictionary(files.map { ($0.path, $0.text) }) { first, _ in first }
    for path in paths {
      guard let text = texts[path] else {
        try FileManager.default.removeItem(at: url(path))
        continue
      }
      try FileManager.default.createDirectory(
        at: url(path).deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url(path), options: .atomic)
    }
  }

  private func url(_ path: String) -> URL {
    root.appendingPathComponent(path)
  }
}
