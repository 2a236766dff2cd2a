internal import CPlatform
internal import Glibc

/// Lets go of files whose place others have taken.
///
/// A file system gives a file's blocks back when the last that holds it lets go, and some tell the disk at once, which
/// takes longer than all else about replacing a small file. Who replaces a file with it being held here does not wait
/// for that: threads do that are there only while they are needed. Where it takes no time, nothing is held.
///
/// Unchecked: every stored variable is read and written with `mutex` held.
package final class ReplacedFiles: @unchecked Sendable {
  package static let shared = ReplacedFiles()

  /// How many files may wait. Beyond that, who replaces one waits himself.
  package static let maximumFiles = 256
  /// What waits is room that others may need: a larger file is not to be held.
  package static let maximumBytes: Int64 = 256 << 10

  private let maximumThreads: Int
  private let patienceNanoseconds: Int64
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let arrived: UnsafeMutablePointer<pthread_cond_t>
  /// Descriptors, each the last hold of a file.
  private var files: [(number: Int32, device: UInt64)] = []
  private var costs: [UInt64: Cost] = [:]
  private var threads = 0
  private var idleThreads = 0
  /// Those that look again soon, without being woken.
  private var dozingThreads = 0

  private static let dozeMicroseconds: UInt32 = 2000
  /// How many may wait for who dozes.
  private static let gatheredFiles = 32

  /// What letting go of a file takes on a device.
  private struct Cost {
    static let worthwhileNanoseconds: Int64 = 10_000

    var averageNanoseconds: Int64
    var passedOver = 0

    /// A single call that is long says little: its thread may have waited for a processor.
    mutating func add(_ nanoseconds: Int64) {
      averageNanoseconds += (min(nanoseconds, 200_000) - averageNanoseconds) / 8
    }

    /// Whether to hold the next file: each where that is worthwhile, and one now and then to know that it is not.
    mutating func isToBeHeld() -> Bool {
      if averageNanoseconds >= Self.worthwhileNanoseconds { return true }
      passedOver = passedOver < 64 ? passedOver + 1 : 0
      return passedOver == 0
    }
  }

  /// - Parameter patienceNanoseconds: How long a thread waits for another file before it ends.
  package init(maximumThreads: Int = 2, patienceNanoseconds: Int64 = 2_000_000_000) {
    self.maximumThreads = maximumThreads
    self.patienceNanoseconds = patienceNanoseconds
    mutex = .allocate(capacity: 1)
    arrived = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(arrived, nil)
    files.reserveCapacity(Self.maximumFiles)
  }

  /// Its threads hold it: there is none when it goes.
  deinit {
    for file in files { close(file.number) }
    pthread_cond_destroy(arrived)
    pthread_mutex_destroy(mutex)
    arrived.deallocate()
    mutex.deallocate()
  }

  /// How many files wait, and how many threads there are.
  package var counts: (files: Int, threads: Int) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return (files.count, threads)
  }

  /// Calls `body`, which puts another file in the place of the one that has this name, and lets that one go afterwards.
  ///
  /// - Parameter device: Where that one is.
  package func replacing(
    _ name: FileName, in directory: Directory, on device: UInt64, _ body: () throws(SystemError) -> Void
  ) throws(SystemError) {
    guard isToBeHeld(on: device) else { return try body() }
    // Where it can't be had, it is not held, and goes as part of being replaced.
    let number = directory.descriptor.withDescriptor { folder in
      name.withCString { openat(folder, $0, BERTH_O_PATH | O_NOFOLLOW | O_CLOEXEC) }
    }
    defer { if number >= 0, !take(number, device) { close(number) } }
    try body()
  }

  private func isToBeHeld(on device: UInt64) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return costs[device]?.isToBeHeld() ?? true
  }

  private func take(_ number: Int32, _ device: UInt64) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    guard files.count < Self.maximumFiles else { return false }
    files.append((number, device))
    if dozingThreads > 0, files.count <= Self.gatheredFiles { return true }
    // A thread that has been woken counts as idle until it runs.
    if idleThreads >= files.count {
      pthread_cond_signal(arrived)
    } else if threads < maximumThreads {
      threads += 1
      startDetached("berth-replaced") { self.run() }
    }
    return true
  }

  private func run() {
    pthread_mutex_lock(mutex)
    while let file = next() {
      pthread_mutex_unlock(mutex)
      let start = Timestamp.monotonicNanoseconds()
      close(file.number)
      let nanoseconds = Timestamp.monotonicNanoseconds() - start
      pthread_mutex_lock(mutex)
      costs[file.device, default: Cost(averageNanoseconds: nanoseconds)].add(nanoseconds)
    }
    threads -= 1
    pthread_mutex_unlock(mutex)
  }

  /// The next file; nil where none comes for a while. Called with `mutex` held.
  private func next() -> (number: Int32, device: UInt64)? {
    if files.isEmpty {
      // Where files are replaced one after the other, to be woken for each would cost those who do it.
      dozingThreads += 1
      pthread_mutex_unlock(mutex)
      usleep(Self.dozeMicroseconds)
      pthread_mutex_lock(mutex)
      dozingThreads -= 1
    }
    if files.isEmpty {
      var deadline = timespec()
      clock_gettime(CLOCK_REALTIME, &deadline)
      let nanoseconds = Int64(deadline.tv_nsec) + patienceNanoseconds
      deadline.tv_sec += Int(nanoseconds / 1_000_000_000)
      deadline.tv_nsec = Int(nanoseconds % 1_000_000_000)
      idleThreads += 1
      while files.isEmpty, pthread_cond_timedwait(arrived, mutex, &deadline) == 0 {}
      idleThreads -= 1
    }
    return files.popLast()
  }
}
