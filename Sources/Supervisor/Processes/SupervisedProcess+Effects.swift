import BerthProtocol
import Platform
import Synchronization

/// What the machine decides is done here.
extension SupervisedProcess {
  func carryOut(_ effect: ProcessMachine.Effect) {
    switch effect {
    case .prepare(let attempt): prepare(attempt)
    case .cancelPreparation:
      preparation?.cancel()
      preparation = nil
    case .launch(let attempt): start(attempt)
    case .beginProbes:
      launch?.probing?.begin { [mailbox] finding in
        switch finding {
        case .ready: mailbox.yield(.input(.ready))
        case .notReady(let reason, let message): mailbox.yield(.input(.notReady(reason, message)))
        case .livenessFailed(let message): mailbox.yield(.input(.livenessFailed(message)))
        }
      }
    case .endProbes: launch?.probing?.end()
    case .end(let plan, let grace, let command): end(plan, graceSeconds: grace, command: command)
    case .set(let timer, let seconds):
      timers[timer]?.cancel()
      timers[timer] = Task(executorPreference: supervision.pool) { [mailbox] in
        guard (try? await Task.sleep(for: .seconds(seconds))) != nil else { return }
        mailbox.yield(.input(.timer(timer)))
      }
    case .clear(let timer): timers.removeValue(forKey: timer)?.cancel()
    }
  }

  private func prepare(_ attempt: Int) {
    preparation?.cancel()
    preparation = Task(executorPreference: supervision.pool) { [id, owner, mailbox] in
      do {
        guard let owner else { return }
        let launch = try await owner.prepare(id) { state, reason, message in
          mailbox.yield(.input(.preparing(attempt: attempt, state, reason, message)))
        }
        mailbox.yield(.prepared(attempt: attempt, launch))
      } catch let failure as PreparationFailure {
        mailbox.yield(.input(.preparationFailed(attempt: attempt, failure.reason, failure.message)))
      } catch {
        mailbox.yield(.input(.preparationFailed(attempt: attempt, .launchFailed, "\(error)")))
      }
    }
  }

  private func start(_ attempt: Int) {
    guard let launch else { return post(.launchFailed(attempt: attempt, "There is nothing to start.")) }
    let folder = supervision.folder(of: id)
    do {
      clear(folder)
      try Home.createPrivateFolder(folder.path)
      try Home.createPrivateFolder(launch.specification.log.folder)
      var specification = launch.specification
      specification.environment.append(Leftovers.mark(of: id))
      specification.cgroup = supervision.cgroups?.make(id, launch.limits)
      // Before anything of it can have been written.
      let began = Timestamp.now()
      let started = try supervision.launch(specification, in: folder)
      post(
        .launched(
          attempt: attempt, .init(pid: Int(started.main.processID), startedAt: began)))
      follow()
    } catch {
      post(.launchFailed(attempt: attempt, "It could not be started: \(error)."))
    }
  }

  func follow() {
    do throws(ShimError) {
      following = try supervision.follower.follow(supervision.folder(of: id).path) { [id, mailbox, weak owner] push in
        // However fast it writes, nothing heaps up.
        if case .log = push { owner?.wroteOutput(id) } else { mailbox.yield(.push(push)) }
      }
    } catch {
      // It has ended already.
      mailbox.yield(.push(.disconnected))
    }
  }

  private func end(_ plan: ProcessPlan, graceSeconds: Double, command: Bool) {
    ending?.cancel()
    let control = ShimControl(folder: supervision.folder(of: id).path)
    let until = Timestamp.monotonicNanoseconds() + Int64(graceSeconds * 1e9)
    let command = command ? plan.stopCommand : nil
    let specification = launch?.specification
    ending = Task(executorPreference: supervision.pool) { [id, supervision, mailbox] in
      if let command, let specification {
        // What the tree was started with, to the letter, even where another server has started it.
        let environment = Self.environment(of: control) ?? specification.environment
        _ = try? await ShimCommand("\(id).stop", supervision: supervision).run(
          command, environment: environment, directory: specification.directory, secrets: specification.secrets,
          timeoutSeconds: graceSeconds)
      }
      let rest = max(0, until - Timestamp.monotonicNanoseconds())
      // Where it is gone, whoever follows the shim hears of it.
      try? control.stop(signal: plan.stopSignal, graceMilliseconds: Int(rest / 1_000_000))
      guard (try? await Task.sleep(for: .nanoseconds(rest + Self.killSeconds * 1_000_000_000))) != nil else { return }
      while !Task.isCancelled {
        guard let left = try? control.processes(), !left.isEmpty else { return }
        mailbox.yield(.input(.unkillable(left.map { Int($0.identity.processID) })))
        guard (try? await Task.sleep(for: .seconds(5))) != nil else { return }
      }
    }
  }

  /// How long processes that were killed have to be gone.
  private static let killSeconds: Int64 = 1

  /// The environment of the tree's oldest process.
  private static func environment(of control: ShimControl) -> [String]? {
    guard let processes = try? control.processes(),
      let oldest = processes.min(by: { $0.identity.start < $1.identity.start }),
      let bytes = try? ProcFile.read("/proc/\(oldest.identity.processID)/environ", limitBytes: 4 << 20),
      !bytes.isEmpty
    else { return nil }
    return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
  }
}
