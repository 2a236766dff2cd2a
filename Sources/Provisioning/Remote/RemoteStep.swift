/// A step that changes a machine, and goes on there whatever becomes of the line and of this server.
///
/// The machine keeps a folder for each connection (`/var/lib/berth/ID` of root's, `~/.local/state/berth/ID` of a
/// user's) with the script, what it writes, its records and its exit code, until all that has been fetched. The step is
/// known by a word, so that the same call begins it, or goes on with what was begun.
struct RemoteStep: Sendable {
  /// The connection's id: the folder's name.
  let folder: String
  /// What tells this attempt from others.
  let attempt: String
  let script: String
  /// Variables for the script.
  let environment: [(name: String, value: String)]

  /// Stands before the output on standard error.
  static let outputMark = "berth-output"

  private var base: String {
    #"""
    LC_ALL=C; export LC_ALL
    if [ "$(id -u)" = 0 ]; then base=/var/lib/berth; else base=${XDG_STATE_HOME:-$HOME/.local/state}/berth; fi
    folder=$base/\#(folder)

    """#
  }

  /// Begins the step, where it was not, and tells its output and how it ended.
  ///
  /// - Parameter skipping: How many bytes of the output are known already.
  func following(skipping known: Int) -> String {
    let end = "BERTH_END_\(attempt)"
    let exports = environment.map { "export \($0.name)=\(RemoteScript.quoted($0.value))\n" }.joined()
    return base + #"""
      umask 077
      refuse() { printf 'failure %s\n' "$1" >&3; exit 1; }
      begin() {
        mkdir -p "$folder/state" || refuse "no_space The folder $folder can't be made on the machine."
        rm -f "$folder/exit" "$folder/pid"
        : >"$folder/log" && : >"$folder/records" || refuse "no_space Nothing can be written to $folder on the machine."
        cat >"$folder/script" <<'\#(end)' || refuse "no_space The script can't be written to $folder on the machine."
      export BERTH_STATE="${0%/*}/state"
      \#(exports)\#(script)
      \#(end)
        printf '%s\n' \#(attempt) >"$folder/attempt" || refuse "no_space Nothing can be written to $folder on the machine."
        spawn
      }
      spawn() {
        # What ends the script does not end the shell around it, which tells how it ended.
        set -- sh -c 'trap : HUP INT TERM; printf "%s\n" "$$" >"$1/pid"; sh "$1/script" >"$1/log" 2>&1 3>"$1/records" </dev/null
          printf "%s\n" "$?" >"$1/exit.new" && mv "$1/exit.new" "$1/exit"' sh "$folder"
        if command -v setsid >/dev/null 2>&1; then set -- setsid "$@"; else set -- nohup "$@"; fi
        (cd / && umask 022 && exec "$@" >/dev/null 2>&1 3>&- </dev/null) &
        tries=0
        while [ ! -s "$folder/pid" ] && [ "$tries" -lt 100 ]; do pause; tries=$((tries + 1)); done
      }
      pause() { sleep 0.05 2>/dev/null || sleep 1; }
      attempt=
      if [ -r "$folder/attempt" ]; then IFS= read -r attempt <"$folder/attempt"; fi
      if [ "$attempt" != \#(attempt) ]; then begin; elif [ ! -s "$folder/pid" ] && [ ! -e "$folder/exit" ]; then begin; fi
      pid=
      IFS= read -r pid <"$folder/pid"
      printf 'pid %s\n' "$pid" >&3
      printf '%s\n' \#(Self.outputMark) >&2
      sent=\#(known)
      while :; do
        ended=no
        if [ -e "$folder/exit" ]; then ended=yes
        elif ! kill -0 "$pid" 2>/dev/null; then
          pause
          if [ -e "$folder/exit" ]; then ended=yes; else ended=lost; fi
        fi
        size=$(wc -c <"$folder/log"); size=$((size))
        if [ "$size" -gt "$sent" ]; then
          tail -c "+$((sent + 1))" "$folder/log" | head -c "$((size - sent))" >&2
          sent=$size
        fi
        if [ "$ended" != no ]; then break; fi
        sleep 0.2 2>/dev/null || sleep 1
      done
      cat "$folder/records" >&3
      if [ "$ended" = yes ]; then IFS= read -r code <"$folder/exit"; printf 'exit %s\n' "$code" >&3; else printf 'lost %s\n' "$pid" >&3; fi

      """#
  }

  /// Ends the step, and waits until it has told its records. dpkg is not cut short: what it leaves half unpacked would
  /// have to be mended before anything else can be installed.
  var ending: String {
    base + #"""
      pid=
      if [ -r "$folder/pid" ]; then IFS= read -r pid <"$folder/pid"; fi
      case $pid in ''|*[!0-9]*) exit 0 ;; esac
      unpacks() {
        for stat in /proc/[0-9]*/stat; do
          IFS= read -r line 2>/dev/null <"$stat" || continue
          case $line in *" (dpkg) "*) ;; *) continue ;; esac
          rest=${line##*) }; set -- $rest
          if [ "$1" != Z ] && [ "$4" = "$pid" ]; then return 0; fi
        done
        return 1
      }
      tries=0
      while unpacks && [ ! -e "$folder/exit" ] && [ "$tries" -lt 1200 ]; do
        sleep 0.05 2>/dev/null || sleep 1; tries=$((tries + 1))
      done
      if [ -e "$folder/exit" ]; then exit 0; fi
      kill -TERM "-$pid" 2>/dev/null || kill -TERM "$pid" 2>/dev/null
      tries=0
      while [ ! -e "$folder/exit" ] && [ "$tries" -lt 200 ]; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1 2>/dev/null || sleep 1; tries=$((tries + 1))
      done
      kill -KILL "-$pid" 2>/dev/null

      """#
  }

  /// Takes the folder away, once all that is in it has been fetched.
  static func cleaning(_ folder: String) -> String {
    RemoteStep(folder: folder, attempt: "", script: "", environment: []).base
      + #"rm -rf "$folder"; rmdir "$base" 2>/dev/null; :"# + "\n"
  }
}
