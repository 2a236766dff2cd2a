/// Everything on a machine that an installation could leave behind: packages, accounts and files.
///
/// Left out is what is written by merely looking or by any installation at all, and harms nobody: caches and logs, lists
/// of packages, the older copies that dpkg, ucf and the account tools keep of their own files, dpkg's tables (whose content
/// stands among the packages), and what is not on the disk.
package struct MachineInventory: Sendable, Hashable {
  /// What there is, by its name: `package NAME`, `account NAME`, `group NAME`, `file PATH`.
  package let entries: [String: String]

  /// What is in one and not, or not the same, in the other: a line each, in the order of the names.
  package func differences(to later: MachineInventory) -> [String] {
    Set(entries.keys).union(later.entries.keys).sorted().compactMap { name in
      switch (entries[name], later.entries[name]) {
      case (let before?, let after?): before == after ? nil : "\(name): \(before) → \(after)"
      case (let before?, nil): "\(name): \(before) → gone"
      case (nil, let after?): "\(name): new, \(after)"
      case (nil, nil): nil
      }
    }
  }

  fileprivate static let script = #"""
    set -eu
    dpkg-query -W -f 'package ${Package}:${Architecture}\t${Version} ${Status}\n'
    apt-mark showmanual | sed 's/.*/manual &\tyes/'
    sed 's/^\([^:]*\):\(.*\)/account \1\t\2/' /etc/passwd
    sed 's/^\([^:]*\):\(.*\)/group \1\t\2/' /etc/group
    cd /
    list() {
      find / -xdev \( -path /tmp -o -path /var/tmp -o -path /var/cache -o -path /var/log -o -path /var/backups \
        -o -path /var/lib/apt -o -path '/var/lib/dpkg/*-old' -o -path '/var/lib/dpkg/lock*' \
        -o -path '/var/lib/dpkg/status' -o -path /var/lib/dpkg/available -o -path '/var/lib/dpkg/updates' \
        -o -path '/var/lib/dpkg/triggers/*' -o -path '/var/lib/ucf/*.[0-9]' -o -path /etc/passwd- -o -path /etc/group- -o -path /etc/shadow- \
        -o -path /etc/gshadow- -o -path /etc/subuid- -o -path /etc/subgid- -o -path /etc/.pwd.lock \
        -o -path /var/lib/sudo \) -prune -o "$@"
    }
    list \( -type f -printf 'file %p\t%m %U:%G %s\n' \) -o \( -type d -printf 'file %p\tfolder %m %U:%G\n' \) \
      -o -printf 'file %p\t%y %m %U:%G %l\n'
    list -type f -print0 | xargs -0 cksum | sed 's/^\([0-9]* [0-9]*\) \(.*\)/content \2\t\1/'
    """#
}

extension TestMachine {
  /// What is on the machine now.
  package func inventory() throws -> MachineInventory {
    var entries: [String: String] = [:]
    for line in try shell(MachineInventory.script).split(separator: "\n") {
      let parts = line.split(separator: "\t", maxSplits: 1)
      guard parts.count == 2 else { throw ShellFailure(description: "not a line of an inventory: \(line)") }
      entries[String(parts[0])] = String(parts[1])
    }
    return MachineInventory(entries: entries)
  }
}
