/// What an app may use. Nil: what the server itself may use.
package struct ManifestLimits: Sendable, Hashable {
  package enum Limit: Sendable, Hashable {
    case value(Int)
    case unlimited
  }

  /// `RLIMIT_NOFILE`.
  package let openFiles: Limit?
  /// `RLIMIT_NPROC`: processes and threads of the user, those of others included.
  package let processes: Limit?
  /// `RLIMIT_AS`: address space of each process, in bytes.
  package let memory: Limit?
  /// `RLIMIT_CPU`: time of each process, in seconds.
  package let cpuSeconds: Limit?
  /// `RLIMIT_FSIZE`: bytes of a file.
  package let fileSize: Limit?
  /// `RLIMIT_CORE`: bytes of a core dump.
  package let coreSize: Limit?
  /// Memory of the app as a whole, in bytes; needs a delegated cgroup v2.
  package let memoryMaximum: Limit?
  /// Processors of the app as a whole; needs a delegated cgroup v2.
  package let cpuMaximum: Double?
}
