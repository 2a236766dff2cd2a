import Glibc
package import Platform
import Synchronization

/// A text file that lines are appended to, and that is put aside and begun anew when it has grown large.
///
/// The file in use keeps its name, `berth.log`; one that is put aside gets its generation behind it, `berth.log.7`, and
/// keeps that name until it is deleted. The generations count up, so that generation and offset name a line's place for
/// as long as it exists, whatever is put aside or restarted meanwhile.
///
/// A line is handed to the operating system before `write` returns, so it outlives the process. One process writes at
/// a time: the one that holds the home's lock.
package final class LogFile: Sendable {
  package let path: String
  /// Notified after each line.
  package let signal = ChangeSignal()
  private let maxBytes: Int
  private let keptFiles: Int
  private let state: Mutex<State>

  private struct State {
    /// The file in use; nil where it could not be opened.
    var descriptor: OwnedDescriptor?
    var bytes: Int
    var generation: UInt64
  }

  /// - Parameters:
  ///   - maxBytes: The size at which a new file is begun.
  ///   - keptFiles: How many files that were put aside are kept; at least 1, for the next generation's number is
  ///     known by them.
  package init(path: String, maxBytes: Int = 8 << 20, keptFiles: Int = 4) throws(SystemError) {
    self.path = path
    self.maxBytes = maxBytes
    self.keptFiles = max(1, keptFiles)
    let descriptor = try Self.openForAppending(path)
    let bytes = Int(try descriptor.status().size)
    let generation = (Self.generationsPutAside(path).last ?? 0) + 1
    state = Mutex(State(descriptor: descriptor, bytes: bytes, generation: generation))
  }

  private static func openForAppending(_ path: String) throws(SystemError) -> OwnedDescriptor {
    let number = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard number >= 0 else { throw SystemError("open", path: path) }
    return OwnedDescriptor(adopting: number)
  }

  // MARK: Writing

  /// Appends a line; a line feed is put behind it.
  ///
  /// What cannot be written, because the disk is full for example, is dropped: a log has nobody to complain to.
  package func write(_ line: String) {
    var text = line
    text.append("\n")
    text.withUTF8 { bytes in
      state.withLock { state in
        if state.bytes > 0, state.bytes + bytes.count > maxBytes { putAside(&state) }
        guard let descriptor = state.descriptor else { return }
        do throws(SystemError) {
          try descriptor.write(UnsafeRawBufferPointer(bytes))
          state.bytes += bytes.count
        } catch {
          // No half line shall stand before the next one.
          _ = descriptor.withDescriptor { ftruncate($0, off_t(state.bytes)) }
        }
      }
    }
    signal.notify()
  }

  private func putAside(_ state: inout State) {
    guard rename(path, pathPutAside(state.generation)) == 0 else { return }
    state.generation += 1
    state.descriptor = try? Self.openForAppending(path)
    state.bytes = 0
    for generation in Self.generationsPutAside(path).dropLast(keptFiles) { unlink(pathPutAside(generation)) }
  }

  private func pathPutAside(_ generation: UInt64) -> String { "\(path).\(generation)" }

  // MARK: Reading

  /// The generation of the file in use.
  var generation: UInt64 { state.withLock { $0.generation } }

  /// The generations that there are, the oldest first; the last is that of the file in use.
  var generations: [UInt64] {
    state.withLock { state in
      Self.generationsPutAside(path).filter { $0 < state.generation } + [state.generation]
    }
  }

  /// Opens the file of a generation for reading; nil where it is gone.
  func open(_ generation: UInt64) throws(SystemError) -> OwnedDescriptor? {
    // Under the lock, so that the file in use is not put aside between the look at its generation and the opening.
    let (number, path) = state.withLock { state in
      let path = generation == state.generation ? self.path : pathPutAside(generation)
      return (Glibc.open(path, O_RDONLY | O_CLOEXEC), path)
    }
    if number >= 0 { return OwnedDescriptor(adopting: number) }
    if errno == ENOENT { return nil }
    throw SystemError("open", path: path)
  }

  private static func generationsPutAside(_ path: String) -> [UInt64] {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { String(path[...$0]) } ?? "."
    let prefix = (slash.map { String(path[path.index(after: $0)...]) } ?? path) + "."
    guard let listing = opendir(folder) else { return [] }
    defer { closedir(listing) }
    var generations: [UInt64] = []
    while let entry = readdir(listing) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
        name.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
      }
      guard name.hasPrefix(prefix), let generation = UInt64(name.dropFirst(prefix.count)) else { continue }
      generations.append(generation)
    }
    return generations.sorted()
  }
}
