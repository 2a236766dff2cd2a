extension TestMachine {
  /// What there is to set before a machine starts.
  package struct Settings: Sendable {
    /// Where its server listens; nil for a port that nobody has.
    package var port: Int?
    package var addresses = ["127.0.0.1"]
    /// Lines of `sshd_config`. They win over what the machine would set itself.
    package var server: [String] = []
    package var hostKeys = HostKeyType.allCases
    /// The room for what is written; nil for half of the host's memory.
    package var diskBytes: Int?
    /// The text of `/etc/os-release`, where it is to be taken for another system.
    package var osRelease: String?
    /// Whether its package sources can be reached, and any other host by its name.
    package var reachesPackages = true

    package init() {}

    func configuration(port: Int) -> String {
      let own =
        ["Port \(port)"] + addresses.map { "ListenAddress \($0)" }
        + hostKeys.map { "HostKey /etc/ssh/ssh_host_\($0.rawValue)_key" } + [
          "PermitRootLogin yes", "PasswordAuthentication yes", "KbdInteractiveAuthentication no", "UsePAM yes",
          "PrintMotd no", "PidFile none", "LogLevel VERBOSE", "Subsystem sftp /usr/lib/openssh/sftp-server",
        ]
      return (server + own).joined(separator: "\n") + "\n"
    }
  }

  /// How a server proves what it is.
  package enum HostKeyType: String, CaseIterable, Sendable { case ed25519, ecdsa, rsa }
}
