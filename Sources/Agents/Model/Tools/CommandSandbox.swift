import BerthProtocol
import Glibc
import Platform
import Synchronization

/// Bubblewrap around a command: of the machine it sees only the system's folders, which it can't change, and its
/// workspace. It has processes, a home and temporary files of its own, and the machine's network.
struct CommandSandbox: Sendable {
  /// The path of `bwrap`.
  let program: String

  private static let found = Mutex<CommandSandbox??>(nil)

  /// What the machine has; nil where there is no bubblewrap, or where the kernel does not let it work. Looked for once.
  static var available: CommandSandbox? {
    found.withLock { found in
      if let found { return found }
      let sandbox = look()
      found = sandbox
      return sandbox
    }
  }

  private static func look() -> CommandSandbox? {
    let path = ProcessEnvironment.current.first { $0.name == "PATH" }?.value ?? "/usr/local/bin:/usr/bin:/bin"
    for folder in path.split(separator: ":") where folder.hasPrefix("/") {
      let sandbox = CommandSandbox(program: "\(folder)/bwrap")
      guard access(sandbox.program, X_OK) == 0 else { continue }
      let arguments = sandbox.arguments(for: ["/bin/sh", "-c", "true"], workspace: nil, directory: "/", home: nil)
      guard
        let process = try? ChildProcess(
          sandbox.program, Array(arguments.dropFirst()), input: .null(), output: .null(), error: .null())
      else { return nil }
      return process.wait() == 0 ? sandbox : nil
    }
    return nil
  }

  private static let systemFolders = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]
  private static let systemFiles = [
    "resolv.conf", "ssl", "ca-certificates", "passwd", "group", "nsswitch.conf", "hosts", "ld.so.cache",
    "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime",
  ]

  /// The whole command line.
  ///
  /// - Parameters:
  ///   - workspace: The folder that it may change, an absolute path.
  ///   - directory: The working folder.
  ///   - home: Where its home is; it is empty.
  func arguments(for command: [String], workspace: String?, directory: String, home: String?) -> [String] {
    var arguments = [
      program, "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop",
      "ALL",
    ]
    for folder in Self.systemFolders { arguments += ["--ro-bind-try", folder, folder] }
    for name in Self.systemFiles { arguments += ["--ro-bind-try", "/etc/\(name)", "/etc/\(name)"] }
    arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    if let home, home.hasPrefix("/"), home != "/", home != "/tmp" { arguments += ["--tmpfs", home] }
    // Behind those that it may lie in.
    if let workspace { arguments += ["--bind", workspace, workspace] }
    return arguments + ["--chdir", directory, "--"] + command
  }

  /// The environment in it, `NAME=value`: what stands for folders that are not there is left out.
  static func environment(_ environment: [String]) -> [String] {
    environment.filter { assignment in
      !["TMPDIR=", "XDG_", "SSL_CERT_"].contains { assignment.hasPrefix($0) }
    } + ["TMPDIR=/tmp"]
  }
}
