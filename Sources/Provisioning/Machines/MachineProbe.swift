import BerthProtocol
import Platform

/// Finds out what a machine is, with one short script that changes nothing.
enum MachineProbe {
  /// A record a fact. It starts few programs: it is run on many machines at a time.
  static let script = #"""
    tell() { printf '%s %s\n' "$1" "$2" >&3; }
    LC_ALL=C; export LC_ALL
    uname=$(uname -snrm); tell uname "$uname"
    id=$(id); tell id "$id"
    case $uname in
    Darwin*)
      tell os "macos||$(sw_vers -productVersion 2>/dev/null)|macOS"
      tell init launchd
      tell cpus "$(sysctl -n hw.ncpu 2>/dev/null)"
      tell memory_bytes "$(sysctl -n hw.memsize 2>/dev/null)" ;;
    *)
      ID='' ID_LIKE='' VERSION_ID='' PRETTY_NAME='' NAME=''
      for release in /etc/os-release /usr/lib/os-release; do
        if [ -r "$release" ]; then . "$release"; break; fi
      done
      tell os "$ID|$ID_LIKE|$VERSION_ID|${PRETTY_NAME:-$NAME}"
      for loader in /lib/ld-musl-*; do if [ -e "$loader" ]; then tell libc musl; fi; done
      for loader in /lib/ld-linux* /lib64/ld-linux* /lib/*/ld-linux*; do if [ -e "$loader" ]; then tell libc glibc; break; fi; done
      if [ -d /run/systemd/system ]; then tell init systemd
      elif [ -d /run/openrc ]; then tell init openrc
      elif [ -r /proc/1/comm ] && IFS= read -r comm </proc/1/comm; then tell init "$comm"; fi
      tell cpus "$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null)"
      if [ -r /proc/meminfo ]; then
        while IFS=': ' read -r name value _; do
          case $name in MemTotal) tell memory "$value" ;; MemAvailable) tell available "$value"; break ;; esac
        done </proc/meminfo
      fi ;;
    esac
    df -Pk / 2>/dev/null | { read -r _; read -r _ size _ free _; tell disk "$size"; tell disk_free "$free"; }
    case $id in
    'uid=0('*) tell elevation root ;;
    *)
      if command -v sudo >/dev/null 2>&1; then
        if sudo -n true >/dev/null 2>&1; then tell elevation sudo; else tell elevation sudo_password; fi
      elif command -v doas >/dev/null 2>&1 && doas -n true >/dev/null 2>&1; then tell elevation doas
      else tell elevation none; fi ;;
    esac
    """#

  /// - Returns: Nil where the machine did not answer in these terms: it has no POSIX shell.
  static func facts(_ records: RemoteRecords) -> InstanceFacts? {
    guard let uname = records["uname"], let id = records["id"] else { return nil }
    let words = uname.split(separator: " ", maxSplits: 3).map { String($0) }
    guard words.count == 4 else { return nil }
    let os = (records["os"] ?? "|||").split(separator: "|", maxSplits: 3, omittingEmptySubsequences: false)
      .map { String($0) }
    // `uname -snrm` tells system, node, release and machine in this order, whatever order they are asked for in.
    return InstanceFacts(
      os: InstanceOS(
        family: OSFamily(id: os[0], idLike: (os.count > 1 ? os[1] : "").split(separator: " ").map { String($0) }),
        id: os[0].isEmpty ? words[0].lowercased() : os[0],
        version: os.count > 2 ? os[2] : "", name: os.count > 3 && !os[3].isEmpty ? os[3] : words[0]),
      kernel: "\(words[0]) \(words[2])", architecture: words[3], libc: records["libc"] ?? "",
      initSystem: records["init"] ?? "", hostName: words[1], user: userName(id),
      elevation: records["elevation"].flatMap(Elevation.init(rawValue:)) ?? .none, cpus: integer(records["cpus"]),
      memoryBytes: records["memory_bytes"].flatMap { Int($0) } ?? integer(records["memory"]) << 10,
      memoryAvailableBytes: integer(records["available"]) << 10, diskBytes: integer(records["disk"]) << 10,
      diskFreeBytes: integer(records["disk_free"]) << 10, probedAt: Timestamp.now())
  }

  /// A number that a machine told; 0 for what is none, or more than a machine can have.
  private static func integer(_ text: String?) -> Int {
    guard let number = text.flatMap({ Int($0) }), (0..<(1 << 50)).contains(number) else { return 0 }
    return number
  }

  /// The name in `uid=0(root) gid=…`.
  private static func userName(_ id: String) -> String {
    guard let open = id.firstIndex(of: "("), let close = id[open...].firstIndex(of: ")") else { return "" }
    return String(id[id.index(after: open)..<close])
  }
}
