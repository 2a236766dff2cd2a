/// Whose tree a process belongs to.
package enum ShimAncestry {
  /// The id of the tree that holds a process: the name of the folder that the nearest shim above it was given.
  package static func treeID(of pid: Int32) -> String? {
    for entry in ProcessTree.ancestry(of: pid) where entry.name == "berth-shim" {
      guard let bytes = try? ProcFile.read("/proc/\(entry.pid)/cmdline") else { return nil }
      let arguments = bytes.split(separator: 0)
      guard arguments.count == 2 else { return nil }
      return String(decoding: arguments[1].split(separator: UInt8(ascii: "/")).last ?? [], as: UTF8.self)
    }
    return nil
  }
}
