internal import Glibc

extension OwnedDescriptor {
  /// Whether the descriptor is a pipe or a socket: what an event loop can wait for.
  package var isPipeOrSocket: Bool {
    var info = stat()
    guard withDescriptor({ fstat($0, &info) }) == 0 else { return false }
    return [S_IFIFO, S_IFSOCK].contains(info.st_mode & S_IFMT)
  }

  package var isSocket: Bool {
    var info = stat()
    guard withDescriptor({ fstat($0, &info) }) == 0 else { return false }
    return info.st_mode & S_IFMT == S_IFSOCK
  }

  /// A second descriptor of the same open file, as a number that the caller owns and closes.
  package func duplicateNumber() throws(SystemError) -> Int32 {
    try systemCall("fcntl") { withDescriptor { fcntl($0, F_DUPFD_CLOEXEC, 3) } }
  }

  /// Takes one of the process's standard descriptors over: the object holds a duplicate, and the number then leads to
  /// what `replacement` opens, so that nothing printed by accident reaches the peer.
  package static func takeStandard(
    _ number: Int32, replacement: StandardReplacement
  ) throws(SystemError) -> OwnedDescriptor {
    let duplicate = try standard(number)
    switch replacement {
    case .null:
      let null = try null()
      try systemCall("dup2") { null.withDescriptor { dup2($0, number) } }
    case .standardError:
      try systemCall("dup2") { dup2(STDERR_FILENO, number) }
    }
    return duplicate
  }

  package enum StandardReplacement: Sendable {
    case null, standardError
  }
}
