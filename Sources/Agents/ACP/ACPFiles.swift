import BerthProtocol
import Glibc
import JSON
import Platform
import Workspaces

/// The agent's view of the workspace's files: absolute paths, of which only those in the workspace mean anything.
struct ACPFiles {
  /// The workspace's id and its folder.
  let workspace: String
  private let folders: [String]
  private let files: FileService

  init(workspace: String, folder: String, _ files: FileService) {
    self.workspace = workspace
    self.files = files
    // Agents often tell where a path leads in the end.
    let real = Self.realPath(folder)
    folders = real == nil || real == folder ? [folder] : [folder, real ?? folder]
  }

  private static func realPath(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }

  /// The path below the workspace's folder.
  private func path(_ params: JSONObject) throws(ACPError) -> RelativePath {
    guard let path = params["path"]?.stringValue else { throw .invalidParams("`path` is missing.") }
    guard path.hasPrefix("/") else { throw .invalidParams("`\(path)` is not absolute. Give the whole path.") }
    for folder in folders where path.hasPrefix(folder + "/") {
      do {
        return try FileService.path(String(path.dropFirst(folder.count + 1)))
      } catch {
        throw ACPError(error)
      }
    }
    throw .invalidParams("`\(path)` is outside of the workspace `\(folders[0])`. Only its files can be used.")
  }

  /// A folder of the workspace that a command is to run in: nothing leads out of it.
  func directory(_ path: String) throws(ACPError) -> String {
    guard path.hasPrefix("/"), let real = Self.realPath(path),
      folders.contains(where: { real == $0 || real.hasPrefix($0 + "/") })
    else { throw .invalidParams("`\(path)` is no folder in the workspace `\(folders[0])`. Run the command in it.") }
    return real
  }

  // MARK: Reading

  func read(_ params: JSONObject) throws(ACPError) -> JSONObject {
    let path = try path(params)
    let first = max(params["line"]?.intValue ?? 1, 1)
    let limit = params["limit"]?.intValue
    do {
      if first == 1, limit == nil {
        let content = try files.read(FileRead.Params(workspace: workspace, path: path.string, encoding: .utf8))
        return ["content": .string(content.content)]
      }
      return ["content": .string(try lines(of: path.string, first, limit))]
    } catch {
      throw ACPError(error)
    }
  }

  private static let pieceBytes = 1 << 20

  /// Reads piece by piece, so that a few lines of a large file are had for little.
  private func lines(of path: String, _ first: Int, _ limit: Int?) throws -> String {
    let end = limit.map { first + max($0, 0) }
    var text: [UInt8] = []
    var line = 1
    var offset = 0
    while end.map({ line < $0 }) ?? true {
      let piece = try files.read(
        FileRead.Params(
          workspace: workspace, path: path, offset: offset, length: Self.pieceBytes, encoding: .utf8))
      for byte in piece.content.utf8 {
        if line >= first { text.append(byte) }
        if byte == UInt8(ascii: "\n") {
          line += 1
          if line == end { break }
        }
      }
      offset = piece.offset + piece.length
      if piece.eof { break }
    }
    return String(decoding: text, as: UTF8.self)
  }

  // MARK: Writing

  func write(_ params: JSONObject, in changes: inout RunChanges) throws(ACPError) -> JSONObject {
    let path = try path(params)
    guard let content = params["content"]?.stringValue else { throw .invalidParams("`content` is missing.") }
    do {
      let written = try files.write(
        FileWrite.Params(workspace: workspace, path: path.string, content: content, createParents: true))
      changes.add(EventType.fileChanged) {
        FileChanged(path: written.file.path, type: .file, seq: $0, created: written.created)
      }
      return [:]
    } catch {
      throw ACPError(error)
    }
  }
}

extension ACPError {
  /// What the files' own services say, in the agent's terms.
  init(_ error: any Error) {
    let error = ProtocolError(describing: error)
    switch error.type {
    case .fileNotFound: self = .notFound(error.message)
    case .pathEscapes, .invalidArgument, .isADirectory, .notADirectory, .notAFile, .notText:
      self = .invalidParams(error.message)
    default: self = .internalError(error.message)
    }
  }
}
