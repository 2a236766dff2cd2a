internal import CPlatform
internal import Glibc
package import Platform
internal import Synchronization

/// Hears what shims tell of their own accord. One thread serves all, and sleeps while nothing happens.
package final class ShimFollower: Sendable {
  private struct Entry {
    let connection: ShimConnection
    let onPush: @Sendable (ShimPush) -> Void
  }

  private let epoll: Int32
  private let entries = Mutex<[Int32: Entry]>([:])

  package init() throws(SystemError) {
    epoll = berth_epoll_create()
    guard epoll >= 0 else { throw SystemError("epoll_create") }
    startDetached("berth-shims") { self.run() }
  }

  /// A shim that is being followed.
  package struct Following: Sendable {
    fileprivate let connection: ShimConnection
  }

  /// Begins to follow a shim. It tells at once what has been before: where the log is, and whether the first process has
  /// ended or said that it is ready.
  ///
  /// - Parameter onPush: Called on the follower's thread, which serves all others too, so it must not block.
  /// - Throws: `gone` where no shim is there.
  package func follow(
    _ folder: String, timeoutSeconds: Double = 10, onPush: @escaping @Sendable (ShimPush) -> Void
  ) throws(ShimError) -> Following {
    let timeoutNanoseconds = Int64(timeoutSeconds * 1_000_000_000)
    let deadline = Timestamp.monotonicNanoseconds() + timeoutNanoseconds
    let connection = try ShimConnection(folder: folder, timeoutNanoseconds: timeoutNanoseconds)
    try connection.send(Array("follow".utf8), deadline: deadline)
    guard let answer = try connection.receive(deadline: deadline), answer == "ok" else {
      throw ShimError(.malformed, "the shim can't be followed")
    }
    let entry = Entry(connection: connection, onPush: onPush)
    let result = connection.socket.withDescriptor { number in
      entries.withLock { $0[number] = entry }
      return berth_epoll_add(epoll, number)
    }
    guard result == 0 else {
      let error = SystemError("epoll_ctl")
      cancel(Following(connection: connection))
      throw ShimError(error)
    }
    return Following(connection: connection)
  }

  /// Ends the following. The callback is not called afterwards, unless it is just being called.
  package func cancel(_ following: Following) {
    following.connection.socket.withDescriptor { number in
      entries.withLock { entries in
        guard entries[number]?.connection === following.connection else { return }
        entries[number] = nil
        berth_epoll_remove(epoll, number)
      }
    }
  }

  private func run() -> Never {
    while true {
      let number = berth_epoll_wait(epoll)
      // One that was just cancelled may have been reported before; the number may be another's, which has nothing then.
      guard let entry = entries.withLock({ $0[number] }) else { continue }
      do throws(ShimError) {
        guard let packet = try entry.connection.receive(deadline: 0) else { continue }
        if let push = ShimPush(packet: packet) { entry.onPush(push) }
      } catch {
        cancel(Following(connection: entry.connection))
        entry.onPush(.disconnected)
      }
    }
  }
}
