import Glibc
import Platform
import Synchronization

/// Ctrl-C as a call instead of the end of the program.
enum Interrupts {
  private static let pipe = Mutex<OwnedDescriptor?>(nil)
  /// The number of the pipe's end, which stays open for as long as the program runs.
  private static let pipeEnd = Atomic<Int32>(-1)

  /// Calls `first` on a thread of its own at the first Ctrl-C; the second ends the program. To be called once.
  ///
  /// A second one that comes before `first` returns waits for that: it must not wait for what may take long.
  ///
  /// - Parameter endings: Whether `first` is called too before SIGHUP or SIGTERM ends the program.
  static func observe(endings: Bool = false, _ first: @escaping @Sendable () -> Void) throws {
    let (readEnd, writeEnd) = try OwnedDescriptor.pipe()
    writeEnd.withDescriptor { pipeEnd.store($0, ordering: .releasing) }
    pipe.withLock { $0 = writeEnd }
    startDetached("interrupts") {
      var isFirst = true
      var byte: UInt8 = 0
      while readEnd.withDescriptor({ read($0, &byte, 1) }) != 0 {
        let number = Int32(byte)
        if isFirst { first() }
        guard isFirst, number == SIGINT else { exit(128 + number) }
        isFirst = false
      }
    }
    for number in endings ? [SIGINT, SIGHUP, SIGTERM] : [SIGINT] {
      // Only what is safe in a signal handler: one system call.
      signal(number) { number in
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(Interrupts.pipeEnd.load(ordering: .acquiring), &byte, 1)
      }
    }
  }
}
