internal import CPlatform
internal import Glibc

/// SIGTERM, SIGINT and SIGHUP, as calls on a thread instead of interruptions.
package enum TerminationSignals {
  package enum Kind: Sendable {
    case terminate, hangUp
  }

  /// Calls `body` for each signal that comes, on a thread of its own. To be called once.
  ///
  /// The handler writes the signal's number into a pipe, whatever thread it meets: masks would have to be set before
  /// the first thread is there, and Swift's own pool is there before `main`.
  package static func observe(_ body: @escaping @Sendable (Kind) -> Void) throws(SystemError) {
    let pipe = try OwnedDescriptor.pipe()
    let writeEnd = try pipe.write.duplicateNumber()
    try systemCall("sigaction") { berth_forward_signals(writeEnd) }
    let readEnd = pipe.read
    startDetached("berth-signals") {
      var number: UInt8 = 0
      while true {
        let count = readEnd.withDescriptor { read($0, &number, 1) }
        if count == 1 { body(Int32(number) == SIGHUP ? .hangUp : .terminate) }
      }
    }
  }
}
