internal import Glibc

/// Something that happens once, and that threads can wait for.
///
/// Unchecked: the semaphore is made once and is safe on all threads.
package final class Signal: @unchecked Sendable {
  private let semaphore: UnsafeMutablePointer<sem_t>

  package init() {
    semaphore = .allocate(capacity: 1)
    sem_init(semaphore, 0, 0)
  }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  package func set() {
    sem_post(semaphore)
  }

  package func wait() {
    while sem_wait(semaphore) != 0 {}
    sem_post(semaphore)
  }
}
