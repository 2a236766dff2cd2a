import Glibc

/// The file that says what an app is.
enum ManifestFile {
  static let names = ["app.runtime.yaml", "app.runtime.yml", "app.runtime.json"]

  /// The path of a folder's manifest; nil where it has none.
  static func find(in folder: String) -> String? {
    names.map { folder.hasSuffix("/") ? folder + $0 : "\(folder)/\($0)" }.first { access($0, F_OK) == 0 }
  }
}
