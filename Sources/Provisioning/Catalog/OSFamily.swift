package import BerthProtocol

extension OSFamily {
  /// The family of what `/etc/os-release` tells (os-release(5)); nil where no recipe knows it.
  ///
  /// - Parameters:
  ///   - id: `ID`, or `macos` where there is no such file and `uname` says Darwin.
  ///   - idLike: The words of `ID_LIKE`, the nearest relative first.
  package init?(id: String, idLike: [String] = []) {
    for name in [id] + idLike {
      if let family = Self.families[name.lowercased()] {
        self = family
        return
      }
    }
    return nil
  }

  /// By the IDs that distributions give themselves; others are known by whom they are like.
  private static let families: [String: OSFamily] = [
    "debian": .debian, "ubuntu": .debian, "raspbian": .debian, "linuxmint": .debian, "pop": .debian, "kali": .debian,
    "devuan": .debian,
    "alpine": .alpine, "postmarketos": .alpine,
    "fedora": .fedora, "rhel": .fedora, "centos": .fedora, "rocky": .fedora, "almalinux": .fedora, "ol": .fedora,
    "amzn": .fedora,
    "arch": .arch, "archarm": .arch, "manjaro": .arch, "endeavouros": .arch,
    "macos": .macos, "darwin": .macos,
  ]

  /// The provider that is the family's package manager.
  package var packageManager: String {
    switch self {
    case .debian: "apt"
    case .alpine: "apk"
    case .fedora: "dnf"
    case .arch: "pacman"
    case .macos: "brew"
    }
  }

  package var isLinux: Bool { self != .macos }
}
