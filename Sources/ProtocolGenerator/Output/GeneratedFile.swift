/// A file as it ought to be.
struct GeneratedFile {
  /// Relative to the package's folder.
  var path: String
  var text: String
}

extension GeneratedFile {
  /// Everything that is made from the definitions.
  static func all(of definition: ProtocolDefinition) -> [GeneratedFile] {
    SwiftOutput(definition).files() + OpenRPCOutput(definition).files() + PythonOutput(definition).files()
      + TypeScriptOutput(definition).files() + ReferenceOutput(definition).files()
  }
}
