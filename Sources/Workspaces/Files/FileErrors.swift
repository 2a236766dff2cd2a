internal import BerthProtocol
internal import JSON
internal import Platform

/// Does something with a path; what the system refuses is told in the protocol's terms.
///
/// - Parameter makes: Whether something is to be made there, so that what is missing is a folder on the way.
func telling<Result>(of path: RelativePath, makes: Bool = false, _ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as SystemError {
    throw ProtocolError(error, path: path, makes: makes)
  }
}

extension ProtocolError {
  init(_ fault: RelativePath.Fault, path: String) {
    switch fault {
    case .absolute:
      self.init(.pathEscapes, "`\(path)` is an absolute path. Give it as seen from the workspace's folder.")
    case .escapes:
      self.init(.pathEscapes, "`\(path)` leads out of the workspace. Its `..` may not go above the workspace's folder.")
    case .containsNul:
      self.init(.invalidArgument, "The path holds a NUL character, which no file's name can.")
    }
  }

  /// - Parameter makes: Whether something was to be made at the path.
  init(_ error: SystemError, path: RelativePath, makes: Bool = false) {
    let (type, message): (ErrorType, String) =
      switch error.errno {
      case SystemError.Code.notFound where makes:
        (
          .fileNotFound,
          "The folder that `\(path)` is to be in is not there. Make it first, or have it made on the way."
        )
      case SystemError.Code.notFound:
        (.fileNotFound, "Nothing is at `\(path)` in the workspace.")
      case SystemError.Code.notDirectory where makes:
        (.notADirectory, "A part of `\(path)` is a file where a folder is needed.")
      case SystemError.Code.notDirectory:
        (.fileNotFound, "Nothing is at `\(path)` in the workspace: a part of the path is a file.")
      case SystemError.Code.crossesDevice:
        (.pathEscapes, "A link on `\(path)` leads out of the workspace and is not followed.")
      case SystemError.Code.tooManyLinks:
        (.pathEscapes, "The links on `\(path)` lead in a circle or into the system, and are not followed.")
      case SystemError.Code.access, SystemError.Code.notPermitted:
        (.permissionDenied, "The system denies the server's user access to `\(path)`.")
      case SystemError.Code.readOnly:
        (.permissionDenied, "`\(path)` is on a file system that is mounted read-only.")
      case SystemError.Code.noSpace:
        (.noSpace, "The disk that holds `\(path)` is full. Nothing was changed.")
      case SystemError.Code.quota:
        (.noSpace, "The quota of the server's user for the disk that holds `\(path)` is used up. Nothing was changed.")
      case SystemError.Code.nameTooLong:
        (.invalidArgument, "`\(path)` is too long for the file system: a name may have 255 bytes, a path 4095.")
      case SystemError.Code.isDirectory:
        (.isADirectory, "`\(path)` is a folder where a file is needed.")
      case SystemError.Code.exists:
        (.alreadyExists, "Something is at `\(path)` already.")
      case SystemError.Code.notEmpty:
        (.directoryNotEmpty, "The folder `\(path)` is not empty. Pass `recursive` to delete what it holds.")
      case SystemError.Code.noDevice:
        (.notAFile, "`\(path)` is a device, a socket or a pipe, which is neither read nor written.")
      default:
        (.ioError, "The system refused an operation on `\(path)`: \(error.reason).")
      }
    self.init(type, message, detail: error.description)
  }

  static func etagMismatch(_ path: RelativePath, now status: FileStatus?) -> ProtocolError {
    guard let status else {
      return ProtocolError(.etagMismatch, "Nothing is at `\(path)` any more. Read its folder again.")
    }
    return ProtocolError(
      .etagMismatch, "`\(path)` has changed since it was read. Read it again and repeat.",
      extra: ["etag": .string(ETag.make(status))])
  }

  static func notAFile(_ path: RelativePath) -> ProtocolError {
    ProtocolError(.notAFile, "`\(path)` is a device, a socket or a pipe, which is neither read nor written.")
  }

  static func isADirectory(_ path: RelativePath, _ advice: String = "") -> ProtocolError {
    ProtocolError(.isADirectory, "`\(path)` is a folder where a file is needed.\(advice.isEmpty ? "" : " \(advice)")")
  }

  static func alreadyExists(_ path: RelativePath, _ advice: String) -> ProtocolError {
    ProtocolError(.alreadyExists, "Something is at `\(path)` already. \(advice)")
  }
}
