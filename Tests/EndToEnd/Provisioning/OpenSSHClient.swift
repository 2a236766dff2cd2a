import Glibc
import Platform
import TestSupport

/// OpenSSH's own client, which knows a machine by its host key and nothing else of this user's.
struct OpenSSHClient {
  let machine: TestMachine
  private let folder: TemporaryFolder

  /// - Parameter hostKey: The key that the machine is expected to have; nil for the one that it has.
  init(_ machine: TestMachine, hostKey: String? = nil) throws {
    self.machine = machine
    folder = try TemporaryFolder()
    let keys = hostKey.map { [$0] } ?? TestMachine.HostKeyType.allCases.compactMap { try? machine.hostKey($0) }
    try folder.write("known_hosts", keys.map { "machine \($0)\n" }.joined())
    try folder.write("askpass", "#!/bin/sh\necho \"$SECRET\"\n")
    chmod(folder.path + "/askpass", 0o700)
  }

  struct Running {
    let process: ChildProcess
    let output: OwnedDescriptor
    let errors: OwnedDescriptor
  }

  /// Starts a command on the machine.
  ///
  /// - Parameter key: What opens it; nil for the user's password.
  func start(
    _ command: String, as user: TestMachine.User, key: TestMachine.Key? = nil, address: String? = nil
  ) throws -> Running {
    let secret = key == nil ? user.password : key?.passphrase ?? ""
    var arguments = [
      "SECRET=\(secret)", "SSH_ASKPASS=\(folder.path)/askpass", "SSH_ASKPASS_REQUIRE=force", "ssh", "-F", "none", "-T",
      "-n", "-p", "\(machine.port)", "-l", user.rawValue,
    ]
    let identity = key.map { ["IdentityFile=\($0.path)", "IdentitiesOnly=yes", "PreferredAuthentications=publickey"] }
    let options =
      [
        "UserKnownHostsFile=\(folder.path)/known_hosts", "GlobalKnownHostsFile=none", "StrictHostKeyChecking=yes",
        "HostKeyAlias=machine", "NumberOfPasswordPrompts=1", "IdentityAgent=none", "LogLevel=ERROR",
      ] + (identity ?? ["PubkeyAuthentication=no"])
    arguments += options.flatMap { ["-o", $0] } + [address ?? machine.addresses[0], command]
    let (process, output, errors) = try ChildProcess.capturing("/usr/bin/env", arguments)
    return Running(process: process, output: output, errors: errors)
  }

  /// Runs a command to its end, which must be a good one. - Returns: What it printed.
  @discardableResult
  func run(
    _ command: String, as user: TestMachine.User, key: TestMachine.Key? = nil, address: String? = nil
  ) throws -> String {
    let running = try start(command, as: user, key: key, address: address)
    let output = String(decoding: try running.output.readAll(), as: UTF8.self)
    let errors = String(decoding: try running.errors.readAll(), as: UTF8.self)
    let code = running.process.wait()
    guard code == 0 else { throw ShellFailure(description: "ssh ended with \(code): \(output)\(errors)") }
    return output
  }
}
