internal import Glibc

/// What the kernel tells of this process.
package enum ProcessStatus {
  package static var processID: Int { Int(getpid()) }

  /// Resident memory, now and at its most, in bytes.
  package static var memory: (residentBytes: Int, peakBytes: Int) {
    let lines = lines(of: "/proc/self/status")
    func bytes(_ name: String) -> Int {
      let line = lines.first { $0.hasPrefix(name) } ?? ""
      return (Int(line.drop { !$0.isNumber }.prefix { $0.isNumber }) ?? 0) << 10
    }
    return (bytes("VmRSS:"), bytes("VmHWM:"))
  }

  /// The child processes that are alive. The kernel lists them by the thread that started them.
  package static var children: [Int] {
    guard let threads = opendir("/proc/self/task") else { return [] }
    defer { closedir(threads) }
    var children: [Int] = []
    while let entry = readdir(threads) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard Int(name) != nil else { continue }
      let line = lines(of: "/proc/self/task/\(name)/children").first ?? ""
      children += line.split(separator: " ").compactMap { Int($0) }
    }
    return children
  }

  /// The largest number of files that may be open: the hard limit takes the place of the soft one.
  package static func raiseOpenFileLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  private static func lines(of path: String) -> [Substring] {
    String(decoding: (try? SmallFile.read(path)) ?? [], as: UTF8.self).split(separator: "\n")
  }
}

/// How much room a file system has.
package struct DiskSpace: Sendable {
  package let freeBytes: Int

  package init(of path: String) throws(SystemError) {
    var info = statvfs()
    guard statvfs(path, &info) == 0 else { throw SystemError("statvfs", path: path) }
    freeBytes = Int(info.f_bavail) * Int(info.f_frsize)
  }
}
