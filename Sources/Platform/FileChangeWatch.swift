internal import Glibc

/// Tells when one file is changed, replaced or removed, by watching its folder (inotify(7)).
package final class FileChangeWatch: Sendable {
  private let descriptor: OwnedDescriptor
  private let name: [UInt8]

  /// - Parameter path: The file, which need not be there; its folder must.
  package init(path: String) throws(SystemError) {
    let slash = path.lastIndex(of: "/") ?? path.startIndex
    name = Array(path[path.index(after: slash)...].utf8)
    descriptor = OwnedDescriptor(
      adopting: try systemCall("inotify_init1") { inotify_init1(O_CLOEXEC) })
    // A rename onto the name, the end of writing, a removal: after each of these the file may read differently.
    let events = UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)
    try systemCall("inotify_add_watch", path) {
      descriptor.withDescriptor { inotify_add_watch($0, String(path[..<slash]), events) }
    }
  }

  /// Begins to call `changed` on a thread of its own, for as long as the process lives.
  package func start(_ changed: @escaping @Sendable () -> Void) {
    startDetached("berth-config") {
      withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
        while true {
          let count = self.descriptor.withDescriptor { read($0, buffer.baseAddress, buffer.count) }
          if count < 0, errno != EINTR { return }
          if self.isNamed(in: UnsafeRawBufferPointer(rebasing: buffer[..<max(0, count)])) { changed() }
        }
      }
    }
  }

  private func isNamed(in events: UnsafeRawBufferPointer) -> Bool {
    let header = MemoryLayout<inotify_event>.size
    var offset = 0
    while offset + header <= events.count {
      let event = events.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
      let start = offset + header
      offset = start + Int(event.len)
      guard offset <= events.count else { return true }
      if events[start..<offset].prefix(while: { $0 != 0 }).elementsEqual(name) { return true }
    }
    return false
  }
}
