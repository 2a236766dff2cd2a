import Glibc
import Platform

/// Groups of processes in the kernel's own terms (cgroups(7), version 2): a folder for each tree, where this process has
/// been given a part of the hierarchy. They are killed in one step, and can be limited as a whole.
package struct Cgroups: Sendable {
  /// The part of the hierarchy that this process has been given.
  private let base: String
  /// The folder in it in which those of the trees are made.
  private let folder: String

  /// Limits of a whole tree.
  package struct Limits: Sendable, Hashable {
    package var memoryBytes: Int?
    /// In processors: 1.5 is one and a half.
    package var processors: Double?

    package init(memoryBytes: Int? = nil, processors: Double? = nil) {
      self.memoryBytes = memoryBytes
      self.processors = processors
    }
  }

  /// Looks for the part that this process has been given; nil where there is none that it may change.
  ///
  /// - Parameter name: What the folder in it is called: one a home.
  package init?(name: String) {
    guard let mount = Self.mount(), let own = Self.own() else { return nil }
    base = mount + (own == "/" ? "" : own)
    folder = "\(base)/\(name)"
    guard access(base + "/cgroup.procs", W_OK) == 0 else { return nil }
  }

  /// Makes a tree's folder, with its limits as far as they can be set.
  ///
  /// - Returns: The folder; nil where it can't be made.
  func make(_ id: String, _ limits: Limits) -> String? {
    guard mkdir(folder, 0o755) == 0 || errno == EEXIST else { return nil }
    for parent in [base, folder] { Self.giveOn(["memory", "cpu"], in: parent) }
    let path = "\(folder)/\(id)"
    let isNew = mkdir(path, 0o755) == 0
    guard isNew || errno == EEXIST, access(path + "/cgroup.kill", W_OK) == 0 else { return nil }
    let period = 100_000
    let processors = limits.processors.map { "\(max(1000, Int($0 * Double(period)))) \(period)" }
    for (value, file) in [(limits.memoryBytes.map(String.init), "memory.max"), (processors, "cpu.max")] {
      if value != nil || !isNew { Self.write(value ?? "max", to: "\(path)/\(file)") }
    }
    return path
  }

  /// Lets controllers limit what is in a folder. Refused where processes stand in the folder itself, or the controllers
  /// were not given on to it: no limits then. Each change holds up all of the machine's hierarchy.
  private static func giveOn(_ controllers: [String], in folder: String) {
    let file = folder + "/cgroup.subtree_control"
    let given = Set(lines(file).flatMap { $0.split(separator: " ") }.map(String.init))
    for controller in controllers where !given.contains(controller) { write("+\(controller)", to: file) }
  }

  /// What can be limited: `cpu`, `memory` and others that this process has been given.
  package var controllers: Set<String> {
    Set(Self.lines(base + "/cgroup.controllers").flatMap { $0.split(separator: " ") }.map(String.init))
  }

  /// A tree's number in a file of keys and values, such as `oom_kill` in `memory.events`; nil where it is not there.
  package func number(_ key: String, in file: String, of id: String) -> Int? {
    let line = Self.lines("\(folder)/\(id)/\(file)").first { $0.hasPrefix(key + " ") }
    return line.flatMap { Int($0.dropFirst(key.count + 1)) }
  }

  /// Removes a tree's folder, where nothing is left in it; with the last one, the folder that they are in.
  func remove(_ id: String) {
    rmdir("\(folder)/\(id)")
    rmdir(folder)
  }

  // MARK: Parts

  /// Where the hierarchy is mounted.
  private static func mount() -> String? {
    for line in lines("/proc/self/mountinfo") {
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count, fields[dash + 1] == "cgroup2" else {
        continue
      }
      return String(fields[4])
    }
    return nil
  }

  /// Where this process stands in it.
  private static func own() -> String? {
    lines("/proc/self/cgroup").first { $0.hasPrefix("0::") }.map { String($0.dropFirst(3)) }
  }

  private static func lines(_ path: String) -> [Substring] {
    let bytes = ((try? ProcFile.read(path, limitBytes: 4 << 20)) ?? nil) ?? []
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
  }

  private static func write(_ text: String, to path: String) {
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    _ = Glibc.write(descriptor, text, text.utf8.count)
  }
}
