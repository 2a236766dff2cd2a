internal import BerthProtocol
internal import Platform

/// The folder of a template that is wanted, where not all of it is.
enum TemplateSubdirectory {
  static func path(_ text: String) throws -> RelativePath {
    do throws(RelativePath.Fault) {
      return try RelativePath(text)
    } catch {
      throw ProtocolError(
        .invalidArgument, "The subdirectory `\(text)` is no path inside the template. Pass one like `templates/web`.")
    }
  }

  static func missing(_ path: RelativePath) -> ProtocolError {
    ProtocolError(.templateInvalid, "The template has no folder `\(path)`. Pass another `subdirectory`.")
  }

  /// Makes a folder of the staged tree the whole of it.
  static func select(_ path: RelativePath, in stage: Stage) throws {
    if path.isRoot { return }
    var trail = FolderTrail(try stage.open(Stage.tree))
    let whole: FileName = "whole"
    guard let status = try trail.status(of: path), status.kind == .directory else { throw missing(path) }
    try stage.directory.rename(Stage.tree, to: Place(directory: stage.directory, name: whole))
    trail = FolderTrail(try stage.open(whole))
    let place = try trail.place(of: path)
    try place.directory.rename(place.name, to: Place(directory: stage.directory, name: Stage.tree))
    try stage.directory.removeTree(whole)
  }
}
