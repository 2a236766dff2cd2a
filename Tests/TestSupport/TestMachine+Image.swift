import Glibc

extension TestMachine {
  /// What `.ci/install-machine` has made, where this user may start machines of it.
  static let image: String? = {
    guard geteuid() == 0, let folder = getenv("BERTH_TEST_MACHINE").map({ String(cString: $0) }),
      access(folder + "/made", R_OK) == 0
    else { return nil }
    return folder
  }()

  package static let isInstalled = image != nil

  /// Those who have an account on every machine.
  package enum User: String, CaseIterable, Sendable {
    case root
    /// May use sudo without a password.
    case admin
    /// Is asked for the password by sudo.
    case carol
    /// Must not use sudo.
    case plain
    /// As `admin`, but the shell greets, even where nobody reads it.
    case banner

    package var password: String { "berth-\(rawValue)" }
  }

  /// What the banner's shell says first.
  package static let greeting = "Welcome to this machine.\n"

  /// A key that lets its bearer in as any of the users.
  package enum Key: String, CaseIterable, Sendable {
    case ed25519, ecdsa, rsa
    /// Of ed25519, too, and with a passphrase.
    case encrypted

    /// The private half's file; the public one's is called the same with `.pub` behind.
    package var path: String { "\(TestMachine.image ?? "")/keys/\(rawValue)" }

    package var passphrase: String? { self == .encrypted ? "berth-passphrase" : nil }
  }
}
