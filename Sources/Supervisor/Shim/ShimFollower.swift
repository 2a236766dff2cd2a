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
    var ready = [Int32](repeating: 0, count: 256)
    var crowd = Crowd()
    while true {
      let count = berth_epoll_wait_all(epoll, &ready, Int32(ready.count))
      // All is taken before any of it is told, so that those who deal with it have it all at once.
      let told = ready.prefix(Int(max(0, count))).compactMap { number in take(number).map { (number, $0, $1) } }
      for (number, entry, push) in told {
        if case .log = push { crowd.note(number) }
        tell(push, to: entry, number)
      }
      if crowd.pauseMicroseconds > 0 { usleep(crowd.pauseMicroseconds) }
    }
  }

  /// Takes what one shim tells.
  private func take(_ number: Int32) -> (Entry, ShimPush)? {
    // One that was just cancelled may have been reported before; the number may be another's, which has nothing then.
    guard let entry = entries.withLock({ $0[number] }) else { return nil }
    do throws(ShimError) {
      return try entry.connection.receive(deadline: 0).flatMap(ShimPush.init).map { (entry, $0) }
    } catch {
      return (entry, .disconnected)
    }
  }

  private func tell(_ push: ShimPush, to entry: Entry, _ number: Int32) {
    // It may have been cancelled since.
    guard entries.withLock({ $0[number]?.connection === entry.connection }) else { return }
    if push == .disconnected { cancel(Following(connection: entry.connection)) }
    entry.onPush(push)
  }
}

/// Tells when many trees write at once, a little each. What they tell is then gathered for some milliseconds: waking
/// the threads that deal with it costs more than the dealing.
private struct Crowd {
  private var writers: Set<Int32> = []
  private var began: Int64 = 0
  /// In how many spans of time without a break many wrote.
  private var spans = 0

  /// How long is waited for what others tell. Where many go on writing, nobody watches each line come: then it is
  /// longer, and an eighth as many transactions do. A burst, such as many apps that start, does not count as that.
  var pauseMicroseconds: UInt32 { spans == 0 ? 0 : spans < Self.lasting ? 5000 : 40_000 }

  private static let lasting = 3
  private static let spanNanoseconds: Int64 = 200_000_000
  /// After so long, what was seen says nothing about now.
  private static let pastNanoseconds: Int64 = 500_000_000
  private static let many = 16

  mutating func note(_ writer: Int32) {
    let now = Timestamp.monotonicNanoseconds()
    if now - began > Self.spanNanoseconds {
      spans = writers.count >= Self.many && now - began < Self.pastNanoseconds ? spans + 1 : 0
      writers.removeAll(keepingCapacity: true)
      began = now
    }
    writers.insert(writer)
  }
}
