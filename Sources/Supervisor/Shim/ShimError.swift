internal import Glibc
internal import Platform

/// Why a shim could not be started or spoken to.
package struct ShimError: Error, Sendable, Hashable {
  package enum Code: Sendable, Hashable {
    /// The tree was not started; nothing is left running. `step` says at what.
    case launch
    /// There was no answer in time. What was asked for may have been done.
    case timeout
    /// No shim answers there: it has ended, or it was killed. `ShimFolder.state` tells which.
    case gone
    /// The shim answered that it can't do what it was asked.
    case refused
    /// The answer makes no sense, or is another tree's.
    case malformed
  }

  package let code: Code
  /// Where it is about a launch: `specification`, `folder`, `log`, `control`, `terminal`, `notify`, `fork`, `cgroup`,
  /// `directory`, `limits`, `program`, or `shim` where the shim itself could not be started.
  package let step: String?
  /// The system's error number; 0 where there is none.
  package let errno: Int32
  /// For people: what it was about, such as the program's name.
  package let message: String

  package init(_ code: Code, step: String? = nil, errno: Int32 = 0, _ message: String) {
    self.code = code
    self.step = step
    self.errno = errno
    self.message = message
  }

  /// A failed call of the system, in whichever of these ways it failed.
  init(_ error: SystemError, else code: Code = .gone) {
    let subject = error.path.map { "\(error.operation) \($0)" } ?? error.operation
    self.init(error.errno == ETIMEDOUT ? .timeout : code, errno: error.errno, subject)
  }
}

extension ShimError: CustomStringConvertible {
  package var description: String {
    let reason = errno == 0 ? "" : ": \(SystemError(errno: errno, operation: "shim").reason)"
    return step.map { "\($0): \(message)\(reason)" } ?? "\(message)\(reason)"
  }
}
