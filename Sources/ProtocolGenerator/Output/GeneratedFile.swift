/// A file as it ought to be.
struct GeneratedFile {
  /// Relative to the package's folder.
  var path: String
  var text: String
}
