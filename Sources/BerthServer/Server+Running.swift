import Synchronization
import BerthProtocol
import JSON
import JSONRPC
import Jobs
import Logging
import NIOCore
import NIOPosix
package import Platform
import Storage
import Streams
import Workspaces

extension Server {
  /// Begins to take connections, on the home's socket or another one.
  package func listen() async throws {
    let channels = Channels(group: group, server: self)
    let socket: OwnedDescriptor
    let path: String
    if let inherited = options.inherited {
      (socket, path) = (inherited, try inherited.socketPath())
    } else {
      path = options.socket ?? options.home.socket
      if let slash = path.lastIndex(of: "/"), options.socket == nil {
        try Home.createPrivateFolder(String(path[..<slash]))
      }
      // The lock says that no server of this home is alive; another program's socket is not ours to remove.
      guard !UnixSocket.isAlive(path) else {
        throw ProtocolError(.alreadyExists, "Another program listens on \(path). Choose another one with --socket.")
      }
      socket = try UnixSocket.listen(path)
    }
    tellStart()
    let handover = Home.handoverSocket(for: path)
    let handoverListener = try HandoverListener(path: handover, channels: channels)
    let listener = try await channels.listen(on: socket)
    state.withLock { state in
      state.listener = listener
      state.handover = handoverListener
    }
    try begin(socket: path)
  }

  /// Serves two descriptors of this process itself, and no socket.
  package func serve(
    input: OwnedDescriptor, output: OwnedDescriptor, exit: @escaping @Sendable (Int32) -> Void
  ) async throws {
    tellStart()
    try begin(socket: "")
    _ = try await Channels(group: group, server: self).adopt(input: input, output: output, exit: exit)
  }

  /// Makes the stream `events`, by its first event: the first client may ask for it at once.
  private func tellStart() {
    publish(
      EventType.serverStarted,
      ServerStarted(instanceId: instanceID, pid: ProcessStatus.processID, version: Self.version))
  }

  private func begin(socket: String) throws {
    let record = ServerRecord(
      pid: ProcessStatus.processID, version: Self.version, socket: socket, instanceID: instanceID)
    try lock.write(record.jsonBytes())
    state.withLock { state in
      state.phase = .running
      state.socket = socket
    }
    if let fault = config.fault { log.error("config file is faulty", metadata: ["detail": "\(fault.message)"]) }
    log.info(
      "serving", metadata: ["home": "\(options.home.path)", "socket": "\(socket)", "version": "\(Self.version)"])
    domains.startMaintenance(on: group.next(), pool: pool, log: log)
    watchConfig()
    watchIdleness()
    // What was needed only for the start.
    group.next().scheduleTask(in: .milliseconds(500)) { [pool] in
      Task(executorPreference: pool) { ProgramCode.letGo() }
    }
  }

  /// Stops: takes no new work, gives what is open some time, and closes every connection.
  ///
  /// - Parameter graceSeconds: How long that may take. A second call makes it end at once.
  package func stop(graceSeconds: Double? = nil) {
    let grace = graceSeconds ?? config.current.server.stopGraceSeconds
    let (isFirst, sessions, listener) = state.withLock { state in
      let isFirst = state.phase != .stopping && state.phase != .stopped
      if isFirst { state.phase = .stopping }
      return (isFirst, Array(state.sessions.values), state.listener)
    }
    guard isFirst else { return finish() }
    log.info("stopping", metadata: ["graceSeconds": "\(grace)"])
    publish(EventType.serverStopping, StopResult(pid: ProcessStatus.processID, graceSeconds: grace))
    listener?.close(promise: nil)
    removeSockets()
    for (_, connection) in sessions {
      connection.eventLoop.execute { connection.endInput(cancelling: false) }
    }
    let deadline = Timestamp.monotonicNanoseconds() + Int64(grace * 1e9)
    group.next().scheduleRepeatedTask(initialDelay: .milliseconds(5), delay: .milliseconds(20)) { task in
      let isDone = self.state.withLock { $0.sessions.isEmpty } && self.domains.jobs.runningCount == 0
      guard isDone || Timestamp.monotonicNanoseconds() >= deadline else { return }
      task.cancel()
      self.finish()
    }
  }

  /// Takes the sockets away while the home is still this server's. Those that are found later are of a server that died:
  /// a client which waits for its return may start it again, and leaves one alone that was stopped.
  private func removeSockets() {
    let path = state.withLock { $0.socket }
    guard !path.isEmpty else { return }
    if options.inherited == nil { UnixSocket.remove(path) }
    UnixSocket.remove(Home.handoverSocket(for: path))
  }

  private func finish() {
    let (isFirst, sessions) = state.withLock { state in
      let isFirst = state.phase != .stopped
      state.phase = .stopped
      return (isFirst, Array(state.sessions.values))
    }
    guard isFirst else { return }
    for (_, connection) in sessions { connection.eventLoop.execute { connection.close() } }
    // Closing hands the last answers to the kernel; only then may the process go.
    let loops = group.makeIterator().map { $0.submit {} }
    EventLoopFuture.andAllComplete(loops, on: group.next()).whenComplete { _ in
      Task(executorPreference: self.pool) {
        await self.domains.jobs.stop()
        do {
          try self.domains.close()
        } catch {
          self.log.error("closing the database failed", metadata: ["detail": "\(error)"])
        }
        self.log.info("stopped")
        self.hasStopped.set()
      }
    }
  }

  func publish(_ type: String, _ payload: some JSONEncodable & Sendable) {
    do {
      _ = try domains.streams.append("events", [NewJournalEvent(type: type, payload: payload.jsonBytes())])
    } catch {
      log.error("an event was lost", metadata: ["type": "\(type)", "detail": "\(error)"])
    }
  }
}

extension Server {
  /// Watches the configuration's file, which people edit too.
  private func watchConfig() {
    do {
      try FileChangeWatch(path: options.home.config).start { self.configMayHaveChanged() }
    } catch {
      log.warning("changes of the config file are not noticed", metadata: ["detail": "\(error)"])
    }
  }

  /// Looks at the configuration's file again, and tells what came of it.
  package func configMayHaveChanged() {
    guard config.reload() else { return }
    if let fault = config.fault {
      log.error("config file is faulty; the last good one stays in force", metadata: ["detail": "\(fault.message)"])
      publish(EventType.configFaulty, fault)
    } else {
      log.info("config changed")
      publish(EventType.configChanged, config.get())
    }
  }
}
