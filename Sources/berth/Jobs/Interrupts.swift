import Glibc
import Platform
import Synchronization

/// Ctrl-C as a call instead of the end of the program.
enum Interrupts {
  private static let pipeEnd = Atomic<Int32>(-1)

  /// Calls `first` on a thread of its own at the first Ctrl-C; the second ends the program. To be called once.
  static func observe(_ first: @escaping @Sendable () -> Void) throws {
    var ends: [Int32] = [-1, -1]
    guard pipe2(&ends, O_CLOEXEC) == 0 else { throw SystemError(errno: errno, operation: "pipe2") }
    pipeEnd.store(ends[1], ordering: .releasing)
    let readEnd = ends[0]
    startDetached("interrupts") {
      var isFirst = true
      var byte: UInt8 = 0
      while read(readEnd, &byte, 1) != 0 {
        guard isFirst else { ExitStatus.interrupted.exit() }
        isFirst = false
        first()
      }
    }
    // Only what is safe in a signal handler: one system call.
    signal(SIGINT) { _ in
      var byte: UInt8 = 1
      _ = write(Interrupts.pipeEnd.load(ordering: .acquiring), &byte, 1)
    }
  }
}
