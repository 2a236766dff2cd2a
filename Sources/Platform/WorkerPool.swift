internal import Glibc

/// Threads on which tasks may block: SQLite, file trees, `read` and `write`.
///
/// A task runs here by its executor preference (`Task(executorPreference: pool) { … }`), so handlers stay ordinary
/// async functions and neither an event loop nor the cooperative pool ever waits for a disk. As many threads work as
/// there are processors, and are started when there is work. A job that waits for another process says so
/// (``blocking(_:)``); and when no thread has taken a job for a while although jobs are waiting, all are taken to be
/// blocked and one more may work, up to the maximum, until they are seen not to be.
///
/// Unchecked: every stored variable is read and written with `mutex` held.
package final class WorkerPool: TaskExecutor, @unchecked Sendable {
  private let name: String
  private let usualThreads: Int
  private let maximumThreads: Int
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let helpNeeded: UnsafeMutablePointer<pthread_cond_t>
  private var queue = JobQueue()
  private var threads = 0
  /// Those that have nothing to do. The last to come is the first to go: the fewest threads do the work, and what those
  /// need is still at hand.
  private var idle: [IdleThread] = []
  /// How many have been woken or started and do not run yet.
  private var wakingThreads = 0
  /// How many have said that they wait.
  private var blockedThreads = 0
  /// How many may work now: more than the processors would only take turns, unless some of them are blocked.
  private var allowedThreads: Int
  private var jobsTaken: UInt64 = 0
  /// Whether the watching thread waits to be told that jobs wait.
  private var isWatcherIdle = false

  /// How long jobs may wait with no progress before a thread is added.
  private static let patienceMilliseconds = 10

  /// - Parameters:
  ///   - usualThreads: How many work at once where none blocks: as many as there are processors, and at least two.
  ///   - maximumThreads: The most jobs that may block at once.
  package init(name: String, usualThreads: Int? = nil, maximumThreads: Int) {
    self.name = name
    self.maximumThreads = maximumThreads
    self.usualThreads = min(maximumThreads, usualThreads ?? max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    allowedThreads = self.usualThreads
    mutex = .allocate(capacity: 1)
    helpNeeded = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(helpNeeded, nil)
    if maximumThreads > self.usualThreads { startDetached("\(name)-watch") { self.watch() } }
  }

  /// How many work, or are about to.
  private var workingThreads: Int { threads - idle.count - blockedThreads }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    pthread_mutex_lock(mutex)
    queue.append(job)
    // A thread that has been woken takes a job each: where more wait, one of them may come to wait behind a job that
    // blocks.
    if queue.count > wakingThreads, workingThreads < allowedThreads { wake() }
    if isWatcherIdle, queue.count > wakingThreads {
      isWatcherIdle = false
      pthread_cond_signal(helpNeeded)
    }
    pthread_mutex_unlock(mutex)
  }

  /// Runs a body that mostly waits, for which another thread may work meanwhile. Call it from a job of this pool.
  package func blocking<T, Failure: Error>(_ body: () throws(Failure) -> T) throws(Failure) -> T {
    pthread_mutex_lock(mutex)
    blockedThreads += 1
    if queue.count > wakingThreads, workingThreads < allowedThreads { wake() }
    pthread_mutex_unlock(mutex)
    defer {
      pthread_mutex_lock(mutex)
      blockedThreads -= 1
      pthread_mutex_unlock(mutex)
    }
    return try body()
  }

  /// Has one more thread work, unless all there may be do. Called with `mutex` held.
  private func wake() {
    if let thread = idle.popLast() {
      thread.isWoken = true
      pthread_cond_signal(thread.wasWoken)
    } else {
      guard threads < maximumThreads else { return }
      threads += 1
      startDetached("\(name)-\(threads)") { self.work() }
    }
    wakingThreads += 1
  }

  private func work() -> Never {
    let executor = asUnownedTaskExecutor()
    let thread = IdleThread()
    pthread_mutex_lock(mutex)
    while true {
      wakingThreads -= 1
      while let job = queue.popFirst() {
        jobsTaken &+= 1
        pthread_mutex_unlock(mutex)
        job.runSynchronously(on: executor)
        pthread_mutex_lock(mutex)
      }
      thread.isWoken = false
      idle.append(thread)
      if workingThreads < usualThreads { allowedThreads = usualThreads }
      while !thread.isWoken { pthread_cond_wait(thread.wasWoken, mutex) }
    }
  }

  /// Lets one more thread work whenever jobs wait and none is taken for a while.
  private func watch() -> Never {
    pthread_mutex_lock(mutex)
    while true {
      isWatcherIdle = queue.isEmpty || threads - idle.count == maximumThreads
      while isWatcherIdle { pthread_cond_wait(helpNeeded, mutex) }
      let seen = jobsTaken
      var deadline = timespec()
      clock_gettime(CLOCK_REALTIME, &deadline)
      deadline.tv_nsec += Self.patienceMilliseconds * 1_000_000
      deadline.tv_sec += deadline.tv_nsec / 1_000_000_000
      deadline.tv_nsec %= 1_000_000_000
      while pthread_cond_timedwait(helpNeeded, mutex, &deadline) == 0 {}
      guard jobsTaken == seen, !queue.isEmpty else { continue }
      allowedThreads = workingThreads + 1
      wake()
    }
  }
}

extension WorkerPool {
  /// Runs a body to its end here, even where the task that waits for it is cancelled.
  package func complete<T: Sendable>(_ body: @escaping @Sendable () async -> T) async -> T {
    await Task(executorPreference: self) { await body() }.value
  }
}

/// What a thread waits for; looked at with the pool's mutex held.
private final class IdleThread {
  let wasWoken: UnsafeMutablePointer<pthread_cond_t>
  var isWoken = false

  init() {
    wasWoken = .allocate(capacity: 1)
    pthread_cond_init(wasWoken, nil)
  }

  deinit {
    pthread_cond_destroy(wasWoken)
    wasWoken.deallocate()
  }
}

/// A first-in, first-out queue in one array that is reused.
private struct JobQueue {
  private var jobs: [UnownedJob] = []
  private var head = 0

  var count: Int { jobs.count - head }
  var isEmpty: Bool { count == 0 }

  mutating func append(_ job: UnownedJob) {
    jobs.append(job)
  }

  mutating func popFirst() -> UnownedJob? {
    guard head < jobs.count else { return nil }
    defer {
      head += 1
      if head == jobs.count {
        jobs.removeAll(keepingCapacity: jobs.capacity <= 4096)
        head = 0
      } else if head >= 1024, head * 2 >= jobs.count {
        jobs.removeFirst(head)
        head = 0
      }
    }
    return jobs[head]
  }
}
