import Glibc
import Platform

/// A folder with many files, no two of which are alike.
enum SampleTree {
  private static let filesPerFolder = 100

  static func make(_ path: String, files: Int, bytesPerFile: Int) throws {
    try folder(path)
    var random = SystemRandomNumberGenerator()
    var content = [UInt64](repeating: 0, count: bytesPerFile / 8)
    for number in 0..<files {
      let parent = "\(path)/folder\(number / filesPerFolder)"
      if number % filesPerFolder == 0 { try folder(parent) }
      for index in content.indices { content[index] = random.next() }
      let file = try OwnedDescriptor.appending(to: "\(parent)/file\(number).bin")
      try content.withUnsafeBufferPointer { (bytes) throws(SystemError) in try file.write(UnsafeRawBufferPointer(bytes))
      }
    }
  }

  /// Removes what a folder holds, but not the folder itself.
  static func empty(_ path: String) throws {
    let folder = try Directory(path: path)
    for entry in try folder.entries() { try folder.removeTree(entry.name) }
  }

  private static func folder(_ path: String) throws {
    guard mkdir(path, 0o755) == 0 else { throw SystemError("mkdir", path: path) }
  }
}
