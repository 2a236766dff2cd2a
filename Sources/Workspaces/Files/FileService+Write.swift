package import BerthProtocol
internal import JSON
internal import Platform

extension FileService {
  /// Writes a whole file in one step, as `file/write` does.
  ///
  /// The content is written to a file beside it that then takes its name, with the mode, owner, access control list and
  /// user attributes of the one that was there. Other names of that one (hard links) keep the old content.
  package func write(_ params: FileWrite.Params) throws -> FileWrite.Result {
    let path = try Self.newPath(params.path)
    guard !path.isRoot else { throw ProtocolError.isADirectory(path) }
    let opened = try workspaces.open(params.workspace, for: .write)
    let bytes: [UInt8]
    switch params.encoding {
    case .utf8: bytes = []
    case .base64:
      guard let decoded = Base64.decode(params.content) else {
        throw ProtocolError(
          .contentInvalid, "The content for `\(path)` is not base64. Pass it with padding and without line breaks.")
      }
      bytes = decoded
    }
    return try telling(of: path, makes: true) {
      // Where something appears between the look and the rename, look again.
      for _ in 0..<8 {
        do {
          if params.encoding == .base64 {
            return try bytes.withUnsafeBytes { try write($0, params, path, opened) }
          }
          var content = params.content
          return try content.withUTF8 { try write(UnsafeRawBufferPointer($0), params, path, opened) }
        } catch let error as SystemError where error.errno == SystemError.Code.exists {
          if params.ifNoneMatch != nil { throw ProtocolError.alreadyExists(path, Self.onlyNew) }
        }
      }
      throw ProtocolError(.ioError, "`\(path)` is being made and removed by others all the time. Try again.")
    }
  }

  private static let onlyNew = "It was to be written only where nothing is."

  private func write(
    _ content: UnsafeRawBufferPointer, _ params: FileWrite.Params, _ path: RelativePath, _ opened: OpenWorkspace
  ) throws -> FileWritten {
    let named: Place
    do throws(SystemError) {
      named = try place(
        of: path, in: opened.directory, createParents: params.createParents && params.ifMatch == nil)
    } catch {
      if params.ifMatch != nil && error.errno == SystemError.Code.notFound {
        throw ProtocolError.etagMismatch(path, now: nil)
      }
      throw error
    }
    let (place, existing) = try opened.directory.target(of: named, at: path)
    try checkMayBeWritten(place, existing, params, path)
    sweep(named, at: path, of: opened.workspace)

    // Nobody else may read what is for a few, so the bits are widened only when the content is in.
    let staged = try StagedFile(in: place.directory, permissions: existing == nil ? 0o644 : 0o600)
    try staged.descriptor.write(content)
    if let existing { try staged.takeOver(from: place, existing) }
    if let mode = params.mode { try staged.descriptor.setPermissions(UInt32(mode)) }
    if params.ifMatch != nil { try check(params.ifMatch, try place.status(), path) }
    let status = try staged.commit(
      as: place.name, existing == nil ? .refuse : .replace, durably: writesDurably())
    return FileWritten(file: FileInfo(path, status, target: nil), created: existing == nil)
  }

  private func checkMayBeWritten(
    _ place: Place, _ existing: FileStatus?, _ params: FileWrite.Params, _ path: RelativePath
  ) throws {
    try check(params.ifMatch, existing, path)
    guard let existing else { return }
    switch existing.kind {
    case .file: break
    case .directory: throw ProtocolError.isADirectory(path)
    case .link, .other: throw ProtocolError.notAFile(path)
    }
    if params.ifNoneMatch != nil { throw ProtocolError.alreadyExists(path, Self.onlyNew) }
    // A rename does not ask whether the file itself may be written, as its owner will expect.
    guard try place.directory.allowsWriting(place.name, existing) else {
      throw ProtocolError(.permissionDenied, "`\(path)` may not be written: its mode or its owner denies it.")
    }
  }

  /// - Throws: `etag_mismatch` unless the file has that ETag, or none was asked for.
  func check(_ etag: String?, _ status: FileStatus?, _ path: RelativePath) throws {
    guard let etag, status.map(ETag.make) != etag else { return }
    throw ProtocolError.etagMismatch(path, now: status)
  }
}
