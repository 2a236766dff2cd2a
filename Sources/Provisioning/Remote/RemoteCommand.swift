import SSH
import Synchronization

/// A command of a user's on a remote machine, run so that it can be ended with all it has started.
enum RemoteCommand {
  /// Stands before the process id, in the first line that comes.
  static let mark = "berth-pid:"

  /// The variable by which all that a command starts is known.
  private static let variable = "BERTH_EXEC"

  /// What is given to the login shell: tells the process id, and becomes the user's own shell with the command.
  ///
  /// - Parameter run: A word of its own for this command, which its processes have in their environment.
  static func line(_ command: String, _ elevator: RemoteScript.Elevator?, run: String) -> String {
    let quoted = RemoteScript.quoted(command)
    let tell = "export \(variable)=\(run); printf '\(mark)%s\\n' \"$$\"; "
    guard let elevator else {
      return "exec sh -c " + RemoteScript.quoted(tell + "exec \"${SHELL:-sh}\" -c \"$1\"") + " sh " + quoted
    }
    let begin = "while IFS= read -r line && [ \"$line\" != berth-begin ]; do :; done; "
    return "exec \(elevator.command) sh -c " + RemoteScript.quoted(begin + tell + "exec sh -c \"$1\"") + " sh "
      + quoted
  }

  /// How long a command has to end by itself, in seconds.
  private static let graceSeconds = 3

  /// Ends a process with all it has started: first asked, then forced.
  static func end(
    _ process: RemoteProcess, _ elevator: RemoteScript.Elevator?, run: String, on machine: Machine
  ) async {
    guard let pid = process.id else { return }
    let script = endScript(pid: pid, run: run, graceSeconds: graceSeconds)
    _ = try? await machine.run(script, elevation: elevator, timeoutSeconds: Double(graceSeconds) + 10)
  }

  /// Ends the group and the session of a process, their children in sessions of their own, and those that have left
  /// them all but still have its word in their environment.
  private static func endScript(pid: Int, run: String, graceSeconds: Int) -> String {
    #"""
    marked() { grep -l -F '\#(variable)=\#(run)' /proc/[0-9]*/environ 2>/dev/null; }
    all() {
      found=" \#(pid) "; grew=yes
      for path in $(marked); do
        one=${path#/proc/}; one=${one%/environ}
        case $found in *" $one "*) ;; *) found="$found$one " ;; esac
      done
      while [ "$grew" = yes ]; do
        grew=no
        for stat in /proc/[0-9]*/stat; do
          IFS= read -r line 2>/dev/null <"$stat" || continue
          one=${line%% *}; rest=${line##*) }
          case $found in *" $one "*) continue ;; esac
          set -- $rest
          if [ "$1" = Z ]; then continue; fi
          case $found in *" $2 "*|*" $4 "*) found="$found$one "; grew=yes ;; esac
        done
      done
      if [ ! -e "/proc/\#(pid)" ]; then found=${found#" \#(pid) "}; fi
    }
    if [ -d /proc/self ]; then
      all; kill -TERM $found 2>/dev/null; tries=0
      while [ "$tries" -lt \#(graceSeconds * 10) ]; do
        all; case $found in *[0-9]*) ;; *) exit 0 ;; esac
        sleep 0.1 2>/dev/null || sleep 1; tries=$((tries + 1))
      done
      kill -KILL $found 2>/dev/null
    else
      kill -TERM -\#(pid) 2>/dev/null; sleep 1; kill -KILL -\#(pid) 2>/dev/null
    fi
    exit 0
    """#
  }
}

/// The process of a command, once it has told its id.
final class RemoteProcess: Sendable {
  private struct State {
    var id: Int?
    /// What has come while the id was looked for; nil once it was found, or is not there.
    var head: [UInt8]? = []
  }

  private let state = Mutex(State())

  var id: Int? { state.withLock { $0.id } }

  /// A login shell may print something before the id, but not for ever.
  private static let longestHead = 64 << 10

  /// - Returns: The command's own output: what comes after the line that tells the id. What a login shell's greeting
  ///   writes before is none of it.
  func take(_ bytes: [UInt8]) -> [UInt8] {
    state.withLock { state in
      guard var head = state.head else { return bytes }
      head += bytes
      if let (end, id) = Self.find(in: head) {
        state.id = id
        state.head = nil
        return Array(head[end...])
      }
      guard head.count > Self.longestHead else {
        state.head = head
        return []
      }
      state.head = nil
      return head
    }
  }

  /// - Returns: What was kept back.
  func finish() -> [UInt8] {
    state.withLock { state in
      defer { state.head = nil }
      return state.head ?? []
    }
  }

  /// - Returns: Where the line with the id ends, and the id.
  private static func find(in bytes: [UInt8]) -> (Int, Int)? {
    let mark = Array(RemoteCommand.mark.utf8)
    var start = 0
    while start < bytes.count {
      guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
      let line = bytes[start..<end]
      if line.starts(with: mark), let id = Int(String(decoding: line.dropFirst(mark.count), as: UTF8.self)) {
        return (end + 1, id)
      }
      start = end + 1
    }
    return nil
  }
}
