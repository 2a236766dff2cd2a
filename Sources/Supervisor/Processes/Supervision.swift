package import Platform

/// What supervised processes share.
package struct Supervision: Sendable {
  /// Where their work is done; it may block.
  package let pool: WorkerPool
  package let follower: ShimFollower
  /// The path of `berth-shim`.
  package let shim: String
  /// Each tree has a folder in it.
  package let folder: String
  /// Nil where there are none to be had.
  package let cgroups: Cgroups?

  package init(
    pool: WorkerPool, folder: String, shim: String = Shim.executable, cgroups: Cgroups? = nil
  ) throws {
    self.pool = pool
    self.folder = folder
    self.shim = shim
    self.cgroups = cgroups
    follower = try ShimFollower()
    try Home.createPrivateFolder(folder)
  }

  package func folder(of id: String) -> ShimFolder { ShimFolder("\(folder)/\(id)") }

  /// Starts a tree, and returns when its program has been executed. Others get on meanwhile.
  func launch(_ specification: ShimSpecification, in folder: ShimFolder) throws(ShimError) -> Shim.Started {
    try pool.blocking { () throws(ShimError) in
      try Shim.launch(specification, in: folder.path, executable: shim)
    }
  }

  /// Removes a folder beside those of the trees, with all that is in it.
  func removeFolder(_ name: String) {
    guard let name = FileName(name) else { return }
    try? Directory(path: folder).removeTree(name)
  }
}
