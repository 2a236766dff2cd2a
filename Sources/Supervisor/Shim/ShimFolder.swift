internal import Glibc
package import Platform

/// A tree's folder, as a server finds it that comes back.
package struct ShimFolder: Sendable, Hashable {
  package let path: String

  package init(_ path: String) {
    self.path = path
  }

  package enum State: Sendable, Hashable {
    /// The shim answers: the tree lives, or its last output is being read.
    case alive(ShimStatus)
    /// The shim has ended in order.
    case ended(ShimExit)
    /// The shim has gone without a word: it was killed, or the machine was. `record.mainIsAlive` tells whether the first
    /// process goes on without it.
    case lost(ShimRecord)
    /// No tree has been started here.
    case empty
  }

  /// Looks.
  ///
  /// - Parameter id: The tree's: a shim that holds another is not taken for this one's.
  /// - Throws: `timeout` where there is a shim, and it does not answer; `malformed` where it is another tree's.
  package func state(id: String, timeoutSeconds: Double = 10) throws(ShimError) -> State {
    let control = ShimControl(folder: path, timeoutSeconds: timeoutSeconds)
    do throws(ShimError) {
      let greeting = try control.hello()
      guard greeting.id == id else { throw ShimError(.malformed, "the shim in \(path) is that of \(greeting.id)") }
      return .alive(try control.status())
    } catch {
      guard error.code == .gone else { throw error }
    }
    // After the question: a shim writes its last file before it stops to listen.
    if let exit = try exit() { return .ended(exit) }
    guard let record = try lines("status").flatMap({ ShimRecord($0) }) else { return .empty }
    return .lost(record)
  }

  /// How the tree ended; nil where its shim has not said so.
  package func exit() throws(ShimError) -> ShimExit? {
    try lines("exit").flatMap { ShimExit($0) }
  }

  /// Removes the folder of a tree that has ended or is lost, and what a killed shim left in it.
  package func remove() throws(SystemError) {
    for name in ["control", "status", "status.first", "status.next", "exit", "exit.next"] { unlink("\(path)/\(name)") }
    guard rmdir(path) == 0 || errno == ENOENT else { throw SystemError("rmdir", path: path) }
  }

  private func lines(_ name: String) throws(ShimError) -> ShimLines? {
    do throws(SystemError) {
      return try SmallFile.read("\(path)/\(name)").map { ShimLines(String(decoding: $0, as: UTF8.self)) }
    } catch {
      throw ShimError(error, else: .malformed)
    }
  }
}
