internal import Glibc

/// A system call that failed: its error number, what was being done, and to what.
package struct SystemError: Error, Sendable, Hashable {
  /// The error number, as in errno(3).
  package let errno: Int32
  /// The system call, such as `openat2`.
  package let operation: String
  /// What it was about, where it was about a path.
  package let path: String?

  package init(errno: Int32, operation: String, path: String? = nil) {
    self.errno = errno
    self.operation = operation
    self.path = path
  }

  /// The failure of the call that was made last on this thread, by its `errno`.
  package init(_ operation: String, path: String? = nil) {
    self.init(errno: Glibc.errno, operation: operation, path: path)
  }

  /// The same failure told of `path`.
  package func about(_ path: String) -> SystemError {
    SystemError(errno: errno, operation: operation, path: path)
  }

  /// The system's own words for the error number, such as "No such file or directory".
  package var reason: String {
    if errno == ENOSYS && operation == "openat2" {
      return "the kernel has no openat2 (Linux 5.6 or later is needed), or a sandbox forbids it"
    }
    // A string of the C library's own; since glibc 2.32 each thread has its own for unknown numbers.
    guard let words = strerror(errno) else { return "error \(errno)" }
    return String(cString: words)
  }
}

extension SystemError: CustomStringConvertible {
  package var description: String {
    guard let path else { return "\(operation): \(reason)" }
    return "\(operation) \(path): \(reason)"
  }
}

extension SystemError {
  /// The error numbers that callers tell apart, so that they need not import the C library.
  package enum Code {
    package static let notFound = ENOENT
    package static let exists = EEXIST
    package static let notDirectory = ENOTDIR
    package static let isDirectory = EISDIR
    package static let notEmpty = ENOTEMPTY
    package static let access = EACCES
    package static let notPermitted = EPERM
    package static let crossesDevice = EXDEV
    package static let tooManyLinks = ELOOP
    package static let noSpace = ENOSPC
    package static let quota = EDQUOT
    package static let nameTooLong = ENAMETOOLONG
    package static let invalid = EINVAL
    package static let noDevice = ENXIO
    package static let readOnly = EROFS
    package static let notSupported = EOPNOTSUPP
    package static let noSystemCall = ENOSYS
    package static let again = EAGAIN
    package static let busy = EBUSY
  }
}

/// Calls `body`, again where a signal interrupted it, and throws its error number where it returns a negative value.
@inline(__always)
@discardableResult
func systemCall<Result: SignedInteger>(
  _ operation: StaticString, _ path: @autoclosure () -> String? = nil, _ body: () -> Result
) throws(SystemError) -> Result {
  while true {
    let result = body()
    if result >= 0 { return result }
    let error = errno
    if error != EINTR { throw SystemError(errno: error, operation: "\(operation)", path: path()) }
  }
}

/// As `systemCall`, for the functions of CPlatform, which return the negated error number.
@inline(__always)
@discardableResult
func platformCall<Result: SignedInteger>(
  _ operation: StaticString, _ path: @autoclosure () -> String? = nil, _ body: () -> Result
) throws(SystemError) -> Result {
  while true {
    let result = body()
    if result >= 0 { return result }
    if result != -Result(EINTR) {
      throw SystemError(errno: Int32(-result), operation: "\(operation)", path: path())
    }
  }
}
