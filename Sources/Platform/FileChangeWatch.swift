/// Tells when one file is changed, replaced or removed, by watching its folder.
package final class FileChangeWatch: Sendable {
  private let inotify: Inotify
  private let name: FileName?

  /// - Parameter path: The file, which need not be there; its folder must.
  package init(path: String) throws(SystemError) {
    let slash = path.lastIndex(of: "/") ?? path.startIndex
    name = FileName(String(path[path.index(after: slash)...]))
    inotify = try Inotify()
    // A rename onto the name, the end of writing, a removal: after each of these the file may read differently.
    _ = try inotify.add(try Directory(path: String(path[..<slash])), [.written, .movedTo, .movedFrom, .deleted])
  }

  /// Begins to call `changed` on a thread of its own, for as long as the process lives.
  package func start(_ changed: @escaping @Sendable () -> Void) {
    startDetached("berth-config") {
      while true {
        self.inotify.wait(milliseconds: nil)
        guard let events = try? self.inotify.read() else { return }
        if events.contains(where: { $0.name == self.name || $0.kinds.contains(.overflow) }) { changed() }
      }
    }
  }
}
