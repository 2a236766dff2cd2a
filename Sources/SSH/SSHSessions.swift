internal import Platform
internal import Synchronization

/// Sessions that are kept for what comes next, each under a key of the caller's.
///
/// What nobody has asked for and nobody uses for a while is closed: closing happens when the sessions are asked next,
/// and by a task that sleeps until then.
package final class SSHSessions: Sendable {
  private struct Entry {
    var session: SSHSession?
    /// Set while a session is being connected.
    var connecting: Connecting?
    var lastUse: Int64
  }

  /// One attempt to connect, and those who wait for it.
  private final class Connecting: Sendable {
    let waiters = Mutex<[Waiter<SSHSession>]>([])
    let task = Mutex<Task<Void, Never>?>(nil)
  }

  private struct State {
    var entries: [String: Entry] = [:]
    var sweeper: Task<Void, Never>?
    var isClosed = false
  }

  private let state = Mutex(State())
  private let idleSeconds: Double

  /// - Parameter idleSeconds: How long a session is kept that has no channel.
  package init(idleSeconds: Double = 120) {
    self.idleSeconds = idleSeconds
  }

  deinit {
    closeAll()
  }

  /// The session of a key. Where there is none, or it has ended, one is connected; who asks meanwhile waits for that
  /// one. It goes on for as long as somebody waits for it.
  package func session(
    _ key: String, connect: @escaping @Sendable () async throws -> SSHSession
  ) async throws -> SSHSession {
    try Task.checkCancellation()
    let waiter = Waiter<SSHSession>()
    enum Step {
      case found(SSHSession)
      case wait(Connecting, isNew: Bool)
      case closed
    }
    let step = state.withLock { state -> Step in
      if state.isClosed { return .closed }
      let now = Timestamp.monotonicNanoseconds()
      if let session = state.entries[key]?.session, session.isOpen {
        state.entries[key]?.lastUse = now
        return .found(session)
      }
      if let connecting = state.entries[key]?.connecting {
        connecting.waiters.withLock { $0.append(waiter) }
        return .wait(connecting, isNew: false)
      }
      let connecting = Connecting()
      connecting.waiters.withLock { $0.append(waiter) }
      state.entries[key] = Entry(session: nil, connecting: connecting, lastUse: now)
      return .wait(connecting, isNew: true)
    }
    switch step {
    case .closed: throw SSHError(.closed, "The sessions were closed.")
    case .found(let session): return session
    case .wait(let connecting, let isNew):
      if isNew { start(connecting, key, connect) }
      return try await waiter.value { self.leave(connecting, key) }
    }
  }

  /// Closes the session of a key, and gives up connecting one.
  package func drop(_ key: String) {
    let entry = state.withLock { $0.entries.removeValue(forKey: key) }
    if let entry { end(entry) }
  }

  /// Closes all; no session can be had afterwards.
  package func closeAll() {
    let (entries, sweeper) = state.withLock { state in
      state.isClosed = true
      defer { (state.entries, state.sweeper) = ([:], nil) }
      return (state.entries.values, state.sweeper)
    }
    sweeper?.cancel()
    for entry in entries { end(entry) }
  }

  /// How many sessions there are, those that are being connected included.
  package var count: Int { state.withLock { $0.entries.count } }

  /// How many tasks wait for a session to be connected.
  package var waiting: Int {
    state.withLock { state in
      state.entries.values.reduce(0) { count, entry in
        count + (entry.connecting?.waiters.withLock { $0.count(where: \.isOpen) } ?? 0)
      }
    }
  }

  // MARK: Parts

  private func start(
    _ connecting: Connecting, _ key: String, _ connect: @escaping @Sendable () async throws -> SSHSession
  ) {
    connecting.task.withLock { task in
      task = Task { [weak self] in
        let result: Result<SSHSession, any Error>
        do {
          result = .success(try await connect())
        } catch {
          result = .failure(error)
        }
        self?.finish(connecting, key, result)
        for waiter in connecting.waiters.withLock({ $0 }) { waiter.give(result) }
      }
    }
  }

  private func finish(_ connecting: Connecting, _ key: String, _ result: Result<SSHSession, any Error>) {
    let unwanted = state.withLock { state -> SSHSession? in
      // Dropped meanwhile, or somebody has begun anew.
      guard state.entries[key]?.connecting === connecting else { return try? result.get() }
      switch result {
      case .success(let session):
        state.entries[key] = Entry(session: session, connecting: nil, lastUse: Timestamp.monotonicNanoseconds())
        if state.sweeper == nil { state.sweeper = sweeping() }
      case .failure: state.entries[key] = nil
      }
      return nil
    }
    unwanted?.close()
  }

  /// Called when one of those who wait was cancelled.
  private func leave(_ connecting: Connecting, _ key: String) {
    let isWanted = state.withLock { state in
      let isWanted = connecting.waiters.withLock { $0.contains(where: \.isOpen) }
      if !isWanted, state.entries[key]?.connecting === connecting { state.entries[key] = nil }
      return isWanted
    }
    if !isWanted { connecting.task.withLock { $0?.cancel() } }
  }

  private func end(_ entry: Entry) {
    entry.session?.close()
    guard let connecting = entry.connecting else { return }
    connecting.task.withLock { $0?.cancel() }
    for waiter in connecting.waiters.withLock({ $0 }) {
      waiter.give(.failure(SSHError(.closed, "The session was dropped while it was being connected.")))
    }
  }

  private func sweeping() -> Task<Void, Never> {
    Task { [weak self, idleSeconds] in
      while !Task.isCancelled {
        try? await Task.sleep(for: .seconds(max(0.01, idleSeconds / 4)))
        guard let self, self.sweep() else { return }
      }
    }
  }

  /// Closes what is idle. - Returns: Whether there is anything left to look after.
  private func sweep() -> Bool {
    let (idle, isBusy) = state.withLock { state in
      let now = Timestamp.monotonicNanoseconds()
      let limit = Int64(min(max(idleSeconds, 0), 1e9) * 1e9)
      var idle: [SSHSession] = []
      for (key, entry) in state.entries {
        guard let session = entry.session else { continue }
        if session.openChannels > 0 {
          state.entries[key]?.lastUse = now
        } else if !session.isOpen || now - entry.lastUse >= limit {
          idle.append(session)
          state.entries[key] = nil
        }
      }
      let isBusy = state.entries.values.contains { $0.session != nil }
      if !isBusy { state.sweeper = nil }
      return (idle, isBusy)
    }
    for session in idle { session.close() }
    return isBusy
  }
}
