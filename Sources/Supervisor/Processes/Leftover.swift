import Platform

/// A folder of a tree that nobody owns any more: what a server that was killed had begun.
package struct Leftover: Sendable {
  private let name: String
  private let supervision: Supervision

  package init(_ name: String, in supervision: Supervision) {
    self.name = name
    self.supervision = supervision
  }

  /// Ends what runs there, and removes the folder.
  package func remove() {
    let folder = supervision.folder(of: name)
    if !name.hasSuffix(".log") {
      try? ShimControl(folder: folder.path, timeoutSeconds: 1).stop(signal: 9, graceMilliseconds: 0)
      Leftovers.end(of: name, main: nil)
    }
    supervision.removeFolder(name)
  }
}
