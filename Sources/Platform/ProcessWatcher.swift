internal import CPlatform
internal import Glibc
internal import Synchronization

/// Tells when processes die that are not children of this one, by their pidfds. One thread serves all.
package final class ProcessWatcher: Sendable {
  private let epoll: Int32
  private let callbacks = Mutex<[Int32: @Sendable () -> Void]>([:])

  package init() throws(SystemError) {
    epoll = berth_epoll_create()
    guard epoll >= 0 else { throw SystemError("epoll_create") }
    startDetached("berth-pids") { self.run() }
  }

  /// A process that is being watched.
  package struct Watch: Sendable {
    fileprivate let descriptor: Int32
  }

  /// Begins to watch a process.
  ///
  /// - Parameter onDeath: Called once, on the watcher's thread; at once where the process is a zombie already.
  /// - Returns: Nil where there is no such process: it has gone, or it lives in another PID namespace.
  package func watch(_ processID: Int32, onDeath: @escaping @Sendable () -> Void) -> Watch? {
    guard processID > 0 else { return nil }
    let descriptor = berth_pidfd_open(processID)
    guard descriptor >= 0 else { return nil }
    callbacks.withLock { $0[descriptor] = onDeath }
    guard berth_epoll_add_once(epoll, descriptor) == 0 else {
      cancel(Watch(descriptor: descriptor))
      return nil
    }
    return Watch(descriptor: descriptor)
  }

  /// Ends a watch. Its callback is not called afterwards, unless it is just being called.
  package func cancel(_ watch: Watch) {
    // Closing under the lock: the number can't be taken by another watch while its callback is still in the table.
    callbacks.withLock { if $0.removeValue(forKey: watch.descriptor) != nil { close(watch.descriptor) } }
  }

  private func run() -> Never {
    while true {
      let descriptor = berth_epoll_wait(epoll)
      let callback = callbacks.withLock { table in
        let callback = table.removeValue(forKey: descriptor)
        if callback != nil { close(descriptor) }
        return callback
      }
      callback?()
    }
  }
}
