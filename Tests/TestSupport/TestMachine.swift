import Platform

/// A Debian that was never used before, with a host name, processes, mounts and users of its own, and a real SSH server
/// on loopback addresses of this machine.
///
/// What is written there is kept in memory, over the files that `.ci/install-machine` has made. All of it lives in
/// namespaces, and vanishes with them when nobody holds the object any more, and when this process dies, however it
/// does. Any number of machines may run side by side.
package final class TestMachine: Sendable {
  package let port: Int
  package let addresses: [String]
  /// Its host name.
  package let name: String
  let namespaces: MachineNamespaces
  let folder: TemporaryFolder

  /// Starts a machine, and returns when its server listens.
  package convenience init(_ change: (inout Settings) -> Void = { _ in }) throws {
    var settings = Settings()
    change(&settings)
    try self.init(settings)
  }

  package init(_ settings: Settings) throws {
    guard let image = Self.image else { throw StartFailure(description: "there is no machine to start") }
    port = try settings.port ?? ListeningSocket().port
    addresses = settings.addresses
    name = "machine-\(port)"
    folder = try TemporaryFolder()
    namespaces = try MachineNamespaces(
      boot: Self.firstBoot, log: folder.path + "/log",
      [
        image, name, settings.diskBytes.map { "size=\($0)" } ?? "", Self.secondBoot, Self.startServer,
        settings.configuration(port: port), settings.hostKeys.map(\.rawValue).joined(separator: " "),
        settings.osRelease ?? "", settings.reachesPackages ? "yes" : "",
      ])
    try waitUntilListening()
  }

  /// What the boot and the server have said.
  package var log: String { (try? folder.read("log")) ?? "" }

  /// Its processes, by the numbers that they have outside.
  package var processes: [Int32] { namespaces.processes }

  /// What a script did.
  package struct Outcome: Sendable {
    /// The exit code, or 128 and the number of the signal that ended it.
    package let status: Int32
    package let output: String
    package let errors: String
  }

  /// Runs a script of `/bin/sh` as the machine's root, past its server.
  ///
  /// - Parameters:
  ///   - input: What it reads from its standard input.
  ///   - seconds: When it is killed because it will not end at all.
  package func run(_ script: String, input: String = "", seconds: Double = 300) throws -> Outcome {
    let own = try TemporaryFolder()
    try own.write("input", input)
    try own.write("output", "")
    try own.write("errors", "")
    let process = try namespaces.enter(
      ["/bin/sh", "-c", script], input: .reading(own.path + "/input"), output: .appending(to: own.path + "/output"),
      error: .appending(to: own.path + "/errors"))
    var status: Int32?
    let hasEnded = waits(seconds: seconds) {
      status = process.endedWith
      return status != nil
    }
    let (output, errors) = (try own.read("output") ?? "", try own.read("errors") ?? "")
    guard hasEnded, let status else {
      process.kill()
      throw DeadlinePassed(description: "the script has not ended within \(seconds) s: \(output)\(errors)")
    }
    return Outcome(status: status, output: output, errors: errors)
  }

  /// The same for a script that must not fail. - Returns: What it printed.
  @discardableResult
  package func shell(_ script: String, input: String = "", seconds: Double = 300) throws -> String {
    let outcome = try run(script, input: input, seconds: seconds)
    guard outcome.status == 0 else {
      throw ShellFailure(description: "the script ended with \(outcome.status): \(outcome.output)\(outcome.errors)")
    }
    return outcome.output
  }
}
