internal import Glibc

/// The machine code that is mapped into this process.
package enum ProgramCode {
  /// Lets go of the pages of code that are mapped now; those that are needed again come back from the page cache, a
  /// few at a time.
  ///
  /// Most of what a program maps while it starts is looked at once: the kernel maps sixteen pages around each that is
  /// touched. Code is position-independent and never written to, so nothing is lost; pages with relocations, which are
  /// this process's own, are left alone.
  package static func letGo() {
    let maps = String(decoding: (try? SmallFile.read("/proc/self/maps")) ?? [], as: UTF8.self)
    for line in maps.split(separator: "\n") {
      // Address, rights, offset, device, inode, path.
      let fields = line.split(separator: " ")
      guard fields.count >= 6, fields[1] == "r-xp", fields[5].hasPrefix("/") else { continue }
      let bounds = fields[0].split(separator: "-").compactMap { UInt(String($0), radix: 16) }
      guard bounds.count == 2, bounds[0] < bounds[1] else { continue }
      madvise(UnsafeMutableRawPointer(bitPattern: bounds[0]), Int(bounds[1] - bounds[0]), MADV_DONTNEED)
    }
  }
}
