import BerthProtocol
import Documents
import Platform
import Workspaces

/// An app's folder, open; no link leads out of the workspace.
struct AppFolder {
  /// In the workspace, in its one form; empty for the workspace's own folder.
  let path: String
  let directory: Directory

  /// - Throws: `path_escapes`, `invalid_argument`, `file_not_found`, `not_a_directory`.
  init(_ path: String, in workspace: OpenWorkspace) throws {
    let relative = try FileService.path(path.isEmpty ? "." : path)
    self.path = relative.isRoot ? "" : relative.description
    guard !relative.isRoot else {
      directory = workspace.directory
      return
    }
    do throws(SystemError) {
      directory = try workspace.directory.openDirectory(relative)
    } catch {
      switch error.errno {
      case SystemError.Code.notFound:
        throw ProtocolError(.fileNotFound, "The workspace has no folder `\(relative)`.")
      case SystemError.Code.notDirectory: throw ProtocolError(.notADirectory, "`\(relative)` is not a folder.")
      case SystemError.Code.crossesDevice, SystemError.Code.tooManyLinks:
        throw ProtocolError(.pathEscapes, "`\(relative)`, or a link on it, leads out of the workspace.")
      default: throw error
      }
    }
  }

  /// The manifest's name and what was read.
  ///
  /// - Throws: `manifest_not_found`; `manifest_invalid` where the file can't be read at all.
  func manifest() throws -> (name: String, reading: ManifestReading) {
    do {
      if let found = try ManifestFile.read(in: directory) { return (found.name.string, found.reading) }
    } catch let fault as DocumentFileFault {
      throw ProtocolError(.manifestInvalid, "The manifest in `\(path.isEmpty ? "." : path)` \(fault.message).")
    }
    throw ProtocolError(
      .manifestNotFound,
      "`\(path.isEmpty ? "." : path)` has no \(ManifestFile.names[0]). Write one that says how the app starts.")
  }

  /// A file of the folder, as a path in the workspace.
  func path(of file: String) -> String { path.isEmpty ? file : "\(path)/\(file)" }
}
