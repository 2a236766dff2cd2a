import Glibc
import Platform
import Synchronization

/// Ctrl-C as a call instead of the end of the program.
enum Interrupts {
  private static let pipe = Mutex<OwnedDescriptor?>(nil)
  /// The number of the pipe's end, which stays open for as long as the program runs.
  private static let pipeEnd = Atomic<Int32>(-1)

  /// Calls `first` on a thread of its own at the first Ctrl-C; the second ends the program. To be called once.
  static func observe(_ first: @escaping @Sendable () -> Void) throws {
    let (readEnd, writeEnd) = try OwnedDescriptor.pipe()
    writeEnd.withDescriptor { pipeEnd.store($0, ordering: .releasing) }
    pipe.withLock { $0 = writeEnd }
    startDetached("interrupts") {
      var isFirst = true
      var byte: UInt8 = 0
      while readEnd.withDescriptor({ read($0, &byte, 1) }) != 0 {
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
