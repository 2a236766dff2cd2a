internal import Dispatch
internal import Glibc
internal import Synchronization

/// Work on many things by a few threads at once.
enum Parallel {
  /// More do not help: the disk and the kernel's own locks are the limit.
  private static let maximumThreads = 4

  /// Has a few threads work side by side until nothing is left or one of them throws.
  ///
  /// - Parameters:
  ///   - count: How many things there are.
  ///   - chunk: How many are taken at once; neighbours are best worked on by the same thread.
  ///   - worker: Called once for each thread; takes ranges until there are no more.
  /// - Throws: The first error that a worker has thrown.
  static func work(
    on count: Int, chunk: Int = 32, _ worker: @Sendable (_ take: () -> Range<Int>?) throws -> Void
  ) throws {
    let shared = SharedWork(count: count, chunk: chunk)
    let threads = min(maximumThreads, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), (count + chunk - 1) / chunk)
    if threads <= 1 { return try worker(shared.take) }
    DispatchQueue.concurrentPerform(iterations: threads) { _ in
      do {
        try worker(shared.take)
      } catch {
        shared.fail(error)
      }
    }
    if let error = shared.error { throw error }
  }
}

private final class SharedWork: Sendable {
  private let count: Int
  private let chunk: Int
  private let next = Atomic<Int>(0)
  private let failure = Mutex<(any Error)?>(nil)

  init(count: Int, chunk: Int) {
    self.count = count
    self.chunk = chunk
  }

  var error: (any Error)? { failure.withLock { $0 } }

  func take() -> Range<Int>? {
    let start = next.wrappingAdd(chunk, ordering: .relaxed).oldValue
    return start < count ? start..<min(count, start + chunk) : nil
  }

  func fail(_ error: any Error) {
    failure.withLock { $0 = $0 ?? error }
    // Nothing more is handed out.
    next.store(count, ordering: .relaxed)
  }
}
