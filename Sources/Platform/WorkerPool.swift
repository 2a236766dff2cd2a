internal import Glibc

/// Threads on which tasks may block: SQLite, file trees, `read` and `write`.
///
/// A task runs here by its executor preference (`Task(executorPreference: pool) { … }`), so handlers stay ordinary
/// async functions and neither an event loop nor the cooperative pool ever waits for a disk. The pool begins with as
/// many threads as there are processors; when none of them has taken a job for a while although jobs are waiting, all
/// are taken to be blocked and one more is started, up to the maximum.
///
/// Unchecked: every stored variable is read and written with `mutex` held.
package final class WorkerPool: TaskExecutor, @unchecked Sendable {
  private let name: String
  private let maximumThreads: Int
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let jobArrived: UnsafeMutablePointer<pthread_cond_t>
  private let helpNeeded: UnsafeMutablePointer<pthread_cond_t>
  private var queue = JobQueue()
  private var threads = 0
  private var idleThreads = 0
  /// Of those that are idle, how many have been woken and do not run yet.
  private var wakingThreads = 0
  private var jobsTaken: UInt64 = 0
  /// Whether the watching thread waits to be told that jobs wait.
  private var isWatcherIdle = false

  /// How long jobs may wait with no progress before a thread is added.
  private static let patienceMilliseconds = 10

  /// - Parameter maximumThreads: The most jobs that may block at once.
  package init(name: String, minimumThreads: Int? = nil, maximumThreads: Int) {
    self.name = name
    self.maximumThreads = maximumThreads
    mutex = .allocate(capacity: 1)
    jobArrived = .allocate(capacity: 1)
    helpNeeded = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(jobArrived, nil)
    pthread_cond_init(helpNeeded, nil)
    let minimum = min(maximumThreads, minimumThreads ?? max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    pthread_mutex_lock(mutex)
    for _ in 0..<minimum { startThread() }
    pthread_mutex_unlock(mutex)
    if maximumThreads > minimum { startDetached("\(name)-watch") { self.watch() } }
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    pthread_mutex_lock(mutex)
    queue.append(job)
    // A thread that has been woken counts as idle until it runs: where more jobs wait than threads are idle, one of
    // them may come to wait behind a job that blocks.
    if idleThreads > wakingThreads, queue.count > wakingThreads {
      wakingThreads += 1
      pthread_cond_signal(jobArrived)
    }
    if isWatcherIdle, queue.count > idleThreads {
      isWatcherIdle = false
      pthread_cond_signal(helpNeeded)
    }
    pthread_mutex_unlock(mutex)
  }

  /// Called with `mutex` held.
  private func startThread() {
    threads += 1
    startDetached("\(name)-\(threads)") { self.work() }
  }

  private func work() -> Never {
    let executor = asUnownedTaskExecutor()
    while true {
      pthread_mutex_lock(mutex)
      while queue.isEmpty {
        idleThreads += 1
        pthread_cond_wait(jobArrived, mutex)
        idleThreads -= 1
        if wakingThreads > 0 { wakingThreads -= 1 }
      }
      let job = queue.popFirst()
      jobsTaken &+= 1
      pthread_mutex_unlock(mutex)
      job?.runSynchronously(on: executor)
    }
  }

  /// Adds a thread whenever jobs wait and none is taken for a while.
  private func watch() -> Never {
    pthread_mutex_lock(mutex)
    while true {
      isWatcherIdle = queue.isEmpty
      while isWatcherIdle || threads == maximumThreads { pthread_cond_wait(helpNeeded, mutex) }
      let seen = jobsTaken
      var deadline = timespec()
      clock_gettime(CLOCK_REALTIME, &deadline)
      deadline.tv_nsec += Self.patienceMilliseconds * 1_000_000
      deadline.tv_sec += deadline.tv_nsec / 1_000_000_000
      deadline.tv_nsec %= 1_000_000_000
      while pthread_cond_timedwait(helpNeeded, mutex, &deadline) == 0 {}
      if jobsTaken == seen, !queue.isEmpty { startThread() }
    }
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
