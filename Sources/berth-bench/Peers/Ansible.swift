import Platform

/// Ansible with the hosts of `SSHHosts`, set to be fast: pipelining, as many forks as there are hosts, no facts gathered,
/// no search for Python.
final class Ansible {
  static let name = "ansible"

  private let command: String
  private let playbook: String
  private let folder: String
  private let environment: [String]
  private let scratch: Scratch

  /// Nil where it is not on this machine.
  init?(_ hosts: SSHHosts, scratch: Scratch) throws {
    guard let command = Program.find("ansible"), let playbook = Program.find("ansible-playbook"),
      let python = ["/usr/bin/python3"].first(where: Program.isThere) ?? Program.find("python3")
    else { return nil }
    (self.command, self.playbook, self.scratch) = (command, playbook, scratch)
    folder = scratch.newPath("ansible")
    try Home.createPrivateFolder(folder)
    environment = [
      "PATH=\(Program.searchPath)", "HOME=\(folder)", "LANG=C.UTF-8", "ANSIBLE_CONFIG=\(folder)/ansible.cfg",
      "ANSIBLE_HOME=\(folder)/own",
    ]
    try write(
      "inventory",
      "[all]\n" + hosts.addresses.map { $0 + "\n" }.joined() + """
        [all:vars]
        ansible_port=\(hosts.port)
        ansible_user=\(hosts.user)
        ansible_python_interpreter=\(python)

        """)
    try write(
      "ansible.cfg",
      """
      [defaults]
      inventory = \(folder)/inventory
      private_key_file = \(hosts.key)
      forks = \(SSHHosts.count)
      gathering = explicit
      remote_tmp = \(folder)/remote
      retry_files_enabled = False
      [ssh_connection]
      pipelining = True
      control_path_dir = \(folder)/control
      ssh_args = -F \(hosts.clientConfiguration) -C -o ControlMaster=auto -o ControlPersist=60s

      """)
  }

  /// Logs in everywhere and asks for a sign of life. - Returns: How long it took, in nanoseconds.
  func ping() throws -> Double {
    try time(command, ["all", "-m", "ping", "-f", "\(SSHHosts.count)"])
  }

  /// Makes sure everywhere that packages of Debian's are there. - Returns: How long it took, in nanoseconds.
  func ensure(_ packages: [String]) throws -> Double {
    try write(
      "packages.yml",
      """
      - hosts: all
        tasks:
          - ansible.builtin.apt: {name: [\(packages.joined(separator: ", "))], state: present}

      """)
    return try time(playbook, [folder + "/packages.yml"])
  }

  /// Ends the connections that it keeps open.
  func forgetConnections() {
    scratch.endProcesses(using: folder + "/control")
    Scratch.removeFolder(folder + "/control")
  }

  func stop() {
    scratch.endProcesses(using: folder)
    Scratch.removeFolder(folder)
  }

  private func time(_ program: String, _ arguments: [String]) throws -> Double {
    let began = Timestamp.monotonicNanoseconds()
    let code = scratch.wait(for: try scratch.start(program, arguments, environment: environment))
    guard code == 0 else { throw BenchmarkFailure("\(program) ended with \(code)") }
    return Double(Timestamp.monotonicNanoseconds() - began)
  }

  private func write(_ name: String, _ text: String) throws {
    try SmallFile.replace("\(folder)/\(name)", with: Array(text.utf8))
  }
}
