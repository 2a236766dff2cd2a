internal import CPlatform
internal import Glibc

/// Memory by the mebibyte, such as the buffers of a large answer.
package enum LargeMemory {
  /// Has every large stretch of memory given back when it is let go. The C library would otherwise learn from the first
  /// that goes to keep what is freed, up to 32 MB at a time and for each thread.
  package static func returnAtOnce() {
    berth_return_memory_from(1 << 20)
  }

  /// Has the kernel give new memory in large pages, of which it takes 512 times fewer. Memory that is too small for one
  /// is left as it is.
  package static func preferLargePages(_ memory: UnsafeRawBufferPointer) {
    let size = 2 << 20
    guard let start = memory.baseAddress, memory.count >= 2 * size else { return }
    let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
    let first = (Int(bitPattern: start) + pageSize - 1) / pageSize * pageSize
    let end = (Int(bitPattern: start) + memory.count) / pageSize * pageSize
    madvise(UnsafeMutableRawPointer(bitPattern: first), end - first, MADV_HUGEPAGE)
  }
}
