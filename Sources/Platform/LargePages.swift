internal import Glibc

/// Has the kernel give new memory in large pages, of which it takes 512 times fewer. Memory that is too small for one
/// is left as it is.
package func preferLargePages(_ memory: UnsafeRawBufferPointer) {
  let size = 2 << 20
  guard let start = memory.baseAddress, memory.count >= 2 * size else { return }
  let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
  let first = (Int(bitPattern: start) + pageSize - 1) / pageSize * pageSize
  let end = (Int(bitPattern: start) + memory.count) / pageSize * pageSize
  madvise(UnsafeMutableRawPointer(bitPattern: first), end - first, MADV_HUGEPAGE)
}
