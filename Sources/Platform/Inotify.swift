internal import CPlatform
internal import Glibc

/// Changes of folders, as inotify(7) tells them: one queue for any number of folders.
///
/// Folders may be added and removed by any thread; one thread at a time reads.
package final class Inotify: Sendable {
  /// Names a folder that is watched. A folder that is added twice has one number.
  package typealias Watch = Int32

  /// What is told of a folder.
  package struct Kinds: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let created = Kinds(rawValue: UInt32(IN_CREATE))
    package static let deleted = Kinds(rawValue: UInt32(IN_DELETE))
    /// The content of a file.
    package static let modified = Kinds(rawValue: UInt32(IN_MODIFY))
    /// A file that was open for writing is open no more.
    package static let written = Kinds(rawValue: UInt32(IN_CLOSE_WRITE))
    /// Mode, owner, times or attributes.
    package static let attributes = Kinds(rawValue: UInt32(IN_ATTRIB))
    package static let movedFrom = Kinds(rawValue: UInt32(IN_MOVED_FROM))
    package static let movedTo = Kinds(rawValue: UInt32(IN_MOVED_TO))
    /// The folder itself was removed; told once nobody has it open any more.
    package static let ownDeleted = Kinds(rawValue: UInt32(IN_DELETE_SELF))
    /// The folder itself has a new name or place.
    package static let ownMoved = Kinds(rawValue: UInt32(IN_MOVE_SELF))

    /// Told without being asked for: the file system is gone.
    package static let unmounted = Kinds(rawValue: UInt32(IN_UNMOUNT))
    /// Told without being asked for: nothing more comes for this watch.
    package static let ended = Kinds(rawValue: UInt32(IN_IGNORED))
    /// Told without being asked for: the queue was full and events are lost. Belongs to no watch.
    package static let overflow = Kinds(rawValue: UInt32(IN_Q_OVERFLOW))
    /// Told beside the others: the event is about a folder.
    package static let isFolder = Kinds(rawValue: UInt32(IN_ISDIR))
  }

  package struct Event: Sendable {
    package let watch: Watch
    package let kinds: Kinds
    /// The same for both ends of a move; else 0.
    package let cookie: UInt32
    /// The entry that it is about; nil for the folder itself.
    package let name: FileName?

    package init(watch: Watch, kinds: Kinds, cookie: UInt32, name: FileName?) {
      self.watch = watch
      self.kinds = kinds
      self.cookie = cookie
      self.name = name
    }
  }

  private let queue: OwnedDescriptor
  /// A pipe whose other end ends `wait`.
  private let wakeUp: (read: OwnedDescriptor, write: OwnedDescriptor)

  package init() throws(SystemError) {
    queue = OwnedDescriptor(adopting: try systemCall("inotify_init1") { inotify_init1(O_CLOEXEC | O_NONBLOCK) })
    var ends: [Int32] = [0, 0]
    try systemCall("pipe2") { berth_pipe(&ends) }
    wakeUp = (OwnedDescriptor(adopting: ends[0]), OwnedDescriptor(adopting: ends[1]))
    for end in ends { try systemCall("fcntl") { fcntl(end, F_SETFL, O_NONBLOCK) } }
  }

  /// Watches an open folder, beside what it is watched for already.
  ///
  /// Throws `ENOSPC` where the system allows this user no more watches, `EACCES` where the folder may not be read.
  package func add(_ folder: Directory, _ kinds: Kinds) throws(SystemError) -> Watch {
    let flags = kinds.rawValue | UInt32(IN_ONLYDIR) | UInt32(IN_EXCL_UNLINK) | UInt32(IN_MASK_ADD)
    return try systemCall("inotify_add_watch") {
      queue.withDescriptor { queue in
        // The descriptor's entry in /proc leads to the folder itself, whatever its path is by now.
        folder.descriptor.withDescriptor { inotify_add_watch(queue, "/proc/self/fd/\($0)", flags) }
      }
    }
  }

  /// Watches a folder no longer. Harmless where it has gone.
  package func remove(_ watch: Watch) {
    _ = queue.withDescriptor { inotify_rm_watch($0, watch) }
  }

  /// Waits until there are events, `wake` is called or the time is over.
  ///
  /// - Parameter milliseconds: nil for any length of time.
  package func wait(milliseconds: Int?) {
    queue.withDescriptor { queue in
      wakeUp.read.withDescriptor { wakeUp in
        var descriptors = [
          pollfd(fd: queue, events: Int16(POLLIN), revents: 0), pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0),
        ]
        _ = poll(&descriptors, 2, milliseconds.map { Int32(clamping: max(0, $0)) } ?? -1)
        var bytes: UInt64 = 0
        while Glibc.read(wakeUp, &bytes, 8) > 0 {}
      }
    }
  }

  /// Ends a `wait`, the present one or the next.
  package func wake() {
    var byte: UInt8 = 0
    _ = wakeUp.write.withDescriptor { write($0, &byte, 1) }
  }

  /// The events that are there, up to some hundreds; none where there are no more.
  package func read() throws(SystemError) -> [Event] {
    var events: [Event] = []
    try withUnsafeTemporaryAllocation(byteCount: 64 * 1024, alignment: 8) { buffer throws(SystemError) in
      let filled: Int
      do throws(SystemError) {
        filled = try queue.read(into: buffer)
      } catch {
        if error.errno == EAGAIN { return }
        throw error
      }
      let header = MemoryLayout<inotify_event>.size
      var offset = 0
      while offset + header <= filled {
        let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
        let start = offset + header
        offset = start + Int(event.len)
        guard offset <= filled else { return }
        let name = buffer[start..<offset].prefix { $0 != 0 }
        events.append(
          Event(watch: event.wd, kinds: Kinds(rawValue: event.mask), cookie: event.cookie, name: FileName(name)))
      }
    }
    return events
  }
}
