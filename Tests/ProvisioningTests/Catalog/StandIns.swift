import BerthProtocol
import TestSupport

@testable import Provisioning

/// Package managers that keep their lists in files of a folder. Each package brings a library of its own.
enum StandIns {
  /// Puts a family's package manager onto a machine. The lines `NAME OTHER` of the file `held` say that OTHER needs
  /// NAME.
  static func put(_ family: OSFamily, on machine: ScriptMachine) throws {
    let path = machine.folder.path
    let common = """
      cd '\(path)' && touch installed held
      there() { grep -q -x -F -e "$1" installed; }
      bring() { for name in "$@"; do there "$name" || printf '%s\\nlib%s\\n' "$name" "$name" >>installed; done; }
      take() { for name in "$@"; do grep -v -x -F -e "$name" installed >rest; mv rest installed; done; }
      names() { for name in "$@"; do case $name in -*) ;; *) printf '%s ' "$name" ;; esac; done; }
      """
    for (name, script) in programs(family) { try machine.program(name, common + "\n" + script) }
    try machine.program("nginx", "echo 'nginx version: nginx/1.28.0' >&2")
  }

  private static func programs(_ family: OSFamily) -> [(String, String)] {
    switch family {
    case .debian: []
    case .alpine: [("apk", apk)]
    case .fedora: [("rpm", rpm), ("dnf", dnf)]
    case .arch: [("pacman", pacman)]
    case .macos: [("brew", brew)]
    }
  }

  private static let apk = """
    [ "$1" != --wait ] || shift 2
    verb=$1; shift
    case $verb in
      info)
        [ "${1:-}" = -e ] || { cat installed; exit; }
        for name in "$@"; do ! there "$name" || echo "$name"; done ;;
      add) bring $(names "$@") ;;
      # What another one needs stays, and so does nothing else that came with it.
      del)
        for name in "$@"; do
          for each in "$name" "lib$name"; do grep -q "^$each " held || take "$each"; done
        done ;;
    esac
    """

  private static let rpm = """
    case $1 in
      -qa) cat installed ;;
      -q) shift; for name in "$@"; do :; done; there "${name#cap-}" || exit 1; echo "${name#cap-}" ;;
      -e) shift 2; status=0
        for name in "$@"; do
          other=$(sed -n "s/^$name //p" held)
          [ -z "$other" ] || { printf '\\tcap-%s is needed by (installed) %s\\n' "$name" "$other" >&2; status=1; }
        done
        exit "$status" ;;
    esac
    """

  private static let dnf = """
    set -- $(names "$@")
    verb=$1; shift
    if [ "$verb" = install ]; then bring "$@"; else take "$@"; fi
    """

  private static let pacman = """
    case $1 in
      -Qq) cat installed ;;
      -T) shift; for name in "$@"; do there "$name" || { echo "$name"; status=127; }; done; exit "${status:-0}" ;;
      -Syu) shift; bring $(names "$@") ;;
      -R) option=$2; shift 2; status=0
        for name in "$@"; do
          other=$(sed -n "s/^$name //p" held)
          [ -z "$other" ] || { echo ":: removing $name breaks dependency '$name' required by $other" >&2; status=1; }
        done
        [ "$status" = 0 ] || exit 1
        [ "$option" = --print ] || take "$@" ;;
    esac
    """

  private static let brew = """
    verb=$1; shift
    case $verb in
      --cellar) echo "$PWD/cellar" ;;
      list) cat installed ;;
      install) bring $(names "$@"); for name in $(names "$@"); do mkdir -p "cellar/$name/1.28.0"; done ;;
      uses) sed -n "s/^$2 //p" held ;;
      uninstall) for name in $(names "$@"); do take "$name"; rm -rf "cellar/$name"; done ;;
    esac
    """
}
