import BerthProtocol
import Platform

/// Taking over what an earlier server has left.
extension SupervisedProcess {
  /// What an earlier server has left.
  package struct Legacy: Sendable {
    /// Whether the process is to run.
    package var isWanted: Bool
    /// Whether the machine was started anew since: what had ended in good order begins again then.
    package var wasRebooted: Bool
    /// How it was started, as far as that is known.
    package var launch: ProcessLaunch

    package init(isWanted: Bool, wasRebooted: Bool, launch: ProcessLaunch) {
      self.isWanted = isWanted
      self.wasRebooted = wasRebooted
      self.launch = launch
    }
  }

  /// Takes over what is there. To be called before anything else is asked for.
  package nonisolated func recover(_ legacy: Legacy) { mailbox.yield(.recover(legacy)) }

  func takeOver(_ legacy: Legacy) {
    let folder = supervision.folder(of: id)
    do throws(ShimError) {
      switch try folder.state(id: id) {
      case .alive(let status): return adopt(status, legacy)
      case .ended(let exit):
        let end = self.end(of: exit)
        clear(folder)
        // What ended with the machine did not end of its own accord.
        guard legacy.wasRebooted, legacy.isWanted else {
          return handle(.foundEnded(end, legacy.launch.plan, isWanted: legacy.isWanted))
        }
      case .lost(let record):
        Leftovers.end(of: id, main: record)
        clear(folder)
      case .empty: break
      }
    } catch {
      // A shim that does not answer: what it holds is ended with it.
      Leftovers.end(of: id, main: nil)
      clear(folder)
    }
    guard legacy.isWanted else { return handle(.stop(graceSeconds: nil)) }
    let last = machine.observed.state
    if !legacy.wasRebooted, last == .exited || last == .failed { return }
    handle(.start(immediately: true))
  }

  private func adopt(_ status: ShimStatus, _ legacy: Legacy) {
    launch = legacy.launch
    let record = status.record
    // What has ended with its first process is told of next.
    let hasLostMain = record.mainExit != nil && status.processes > 0
    let pid = hasLostMain ? nil : Int(record.main.processID)
    let launched = ProcessMachine.Launched(
      pid: pid, startedAt: Timestamp.string(nanosecondsSince1970: record.startedNanoseconds))
    handle(.adopted(launched, legacy.launch.plan))
    if hasLostMain, let exit = record.mainExit {
      let ended = record.mainEndedNanoseconds ?? record.startedNanoseconds
      handle(.mainExited(appExit(exit, at: Timestamp.string(nanosecondsSince1970: ended))))
    }
    follow()
    if !legacy.isWanted { handle(.stop(graceSeconds: nil)) }
  }
}
