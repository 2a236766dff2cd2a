/// What a shim is to run, and how. It is handed over once, at the start, and kept nowhere.
package struct ShimSpecification: Sendable, Hashable {
  /// Names the tree, so that a server that comes back knows whose shim it speaks to. At most 255 bytes.
  package var id: String
  /// The command line. The program is looked up in the PATH of `environment`.
  package var arguments: [String]
  /// The whole environment, `NAME=value`.
  package var environment: [String]
  /// The working folder: an absolute path.
  package var directory: String
  package var log: Log
  package var input: Input = .null
  /// Resource limits. A process can't raise the hard ones beyond its own.
  package var limits: [Limit] = []
  /// From -20 to 20; nil for the server's own.
  package var nice: Int?
  /// Nil for the server's own.
  package var umask: UInt16?
  /// The name of an abstract socket to be made for sd_notify(3), without the `@`. At most 107 bytes, and unique on the
  /// machine.
  package var notifySocket: String?
  /// What is replaced by `***` in all output. Those of several lines are looked for line by line.
  package var secrets: [String] = []
  /// An existing cgroup v2 folder of the tree's own, which the user may write to.
  package var cgroup: String?

  package init(id: String, arguments: [String], environment: [String], directory: String, log: Log) {
    self.id = id
    self.arguments = arguments
    self.environment = environment
    self.directory = directory
    self.log = log
  }

  /// Where output goes: segments `%010u.log` of lines in the CRI format.
  package struct Log: Sendable, Hashable {
    /// An existing folder: an absolute path. One shim at a time writes to it.
    package var folder: String
    /// At what size the next segment is begun.
    package var segmentBytes: Int
    /// How many segments are kept, the one that is written to included.
    package var segments: Int
    /// Whether nothing is lost: no segment is removed but by `ShimControl.trim`, and when all of them are full, what the
    /// tree prints waits in its pipe, and so does who prints. What is left there when the tree ends is written beyond
    /// the number of segments.
    package var holds = false

    package init(folder: String, segmentBytes: Int = 10 << 20, segments: Int = 5) {
      self.folder = folder
      self.segmentBytes = segmentBytes
      self.segments = segments
    }
  }

  package enum Input: Sendable, Hashable {
    case null, pipe
    /// A terminal for input and output. All output is then standard output.
    case terminal(columns: UInt16, rows: UInt16)
  }

  /// See getrlimit(2).
  package struct Limit: Sendable, Hashable {
    package enum Resource: String, Sendable {
      case nofile, nproc, `as`, core, cpu, fsize, memlock, stack, data
    }

    package var resource: Resource
    /// Nil for none.
    package var soft: UInt64?
    package var hard: UInt64?

    package init(_ resource: Resource, soft: UInt64?, hard: UInt64?) {
      self.resource = resource
      self.soft = soft
      self.hard = hard
    }
  }
}

extension ShimSpecification {
  /// The records that a shim reads: `key=value`, each ended by a NUL.
  ///
  /// - Throws: `launch`, where a value holds a NUL, and could be read as another record.
  func encoded() throws(ShimError) -> [UInt8] {
    var bytes: [UInt8] = []
    func put(_ key: String, _ value: String) throws(ShimError) {
      guard !value.utf8.contains(0) else {
        throw ShimError(.launch, step: "specification", "\(key) holds a NUL byte")
      }
      bytes += key.utf8
      bytes.append(UInt8(ascii: "="))
      bytes += value.utf8
      bytes.append(0)
    }
    try put("version", "1")
    try put("id", id)
    for argument in arguments { try put("argument", argument) }
    for assignment in environment { try put("environment", assignment) }
    try put("directory", directory)
    try put("log", log.folder)
    try put("logBytes", String(log.segmentBytes))
    try put("logFiles", String(log.segments))
    if log.holds { try put("logHold", "1") }
    switch input {
    case .null: break
    case .pipe: try put("input", "pipe")
    case .terminal(let columns, let rows): try put("terminal", "\(columns)x\(rows)")
    }
    for limit in limits {
      let values = [limit.soft, limit.hard].map { $0.map { String($0) } ?? "unlimited" }
      try put("limit", "\(limit.resource.rawValue):\(values.joined(separator: ":"))")
    }
    if let nice { try put("nice", String(nice)) }
    if let umask { try put("umask", String(umask, radix: 8)) }
    if let notifySocket { try put("notify", notifySocket) }
    for secret in secrets where !secret.isEmpty { try put("secret", secret) }
    if let cgroup { try put("cgroup", cgroup) }
    return bytes
  }
}
