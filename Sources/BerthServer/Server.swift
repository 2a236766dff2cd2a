import Agents
import Apps
package import BerthProtocol
import JSON
import JSONRPC
import Jobs
package import Logging
import NIOCore
import NIOPosix
package import Platform
import Provisioning
import Storage
import Streams
import Synchronization
import Workspaces

/// The server of one home: the only type that knows every part.
///
/// `open` takes the home and brings its state in order, `listen` begins to take connections, `stop` ends both.
package final class Server: Sendable {
  package static let version = "0.1.0"
  package static let protocolVersion = "1"

  /// How a server is started.
  package struct Options: Sendable {
    package var home: Home
    /// The socket to listen on; nil for the home's own.
    package var socket: String?
    /// A socket that listens already, handed over by systemd.
    package var inherited: OwnedDescriptor?
    /// Whether it leaves by itself when nobody needs it.
    package var leavesWhenIdle: Bool
    package var log: LogOutput
    /// Whether a damaged database is put aside and a new one begun.
    package var recoversDatabase: Bool

    package init(
      home: Home, socket: String? = nil, inherited: OwnedDescriptor? = nil, leavesWhenIdle: Bool = false,
      log: LogOutput, recoversDatabase: Bool = false
    ) {
      self.home = home
      self.socket = socket
      self.inherited = inherited
      self.leavesWhenIdle = leavesWhenIdle
      self.log = log
      self.recoversDatabase = recoversDatabase
    }
  }

  /// The home has a server already.
  package struct HomeTaken: Error {
    package let holder: ServerRecord?
  }

  enum Phase {
    case opening, running, stopping, stopped
  }

  struct State {
    var phase = Phase.opening
    var sessions: [ObjectIdentifier: (Session, Connection)] = [:]
    /// The path of the socket; empty where there is none.
    var socket = ""
    var listener: (any Channel)?
    var handover: HandoverListener?
    /// Counts the times at which the server became busy, so that an idle timer knows whether it is the last.
    var activity = 0
  }

  package let instanceID = Identifier.make("srv")
  package let log: Logger
  package let config: ConfigService
  let options: Options
  let startedNanoseconds = Timestamp.nanosecondsNow()
  let startedMonotonic = Timestamp.monotonicNanoseconds()
  let pool = WorkerPool(name: "berth", maximumThreads: 64)
  let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
  let processes: ProcessWatcher
  let lock: LockFile
  let domains: Domains
  let methods: MethodRegistry
  let state = Mutex(State())
  let hasStopped = Signal()
  let questions = PermissionQuestions()

  /// Takes the home: its lock, its configuration and its database.
  ///
  /// - Throws: `HomeTaken` where it has a server; `StorageError` where the database can't be used.
  package init(_ options: Options) throws {
    LargeMemory.returnAtOnce()
    self.options = options
    log = options.log.logger()
    try options.home.create()
    guard let lock = try LockFile.acquire(options.home.lock) else {
      throw HomeTaken(holder: ServerRecord(home: options.home))
    }
    self.lock = lock
    config = ConfigService(path: options.home.config)
    processes = try ProcessWatcher()
    let output = options.log
    domains = try Domains(
      home: options.home, config: config, log: output.file, logger: log, pool: pool,
      recoversDatabase: options.recoversDatabase)
    methods = MethodRegistry.berth(domains: domains, config: config)
    precondition(methods.missing.isEmpty, "methods without a handler: \(methods.missing)")
    output.configure(config.current.server.logLevel)
    config.observe { output.configure($0.server.logLevel) }
    domains.apps.observe { [weak self] app, previous in self?.tellStateChanged(app, previous) }
    domains.agents.observe { [weak self] _, permissions in self?.ask(permissions) }
  }

  // MARK: Sessions

  var isStopping: Bool {
    state.withLock { $0.phase == .stopping || $0.phase == .stopped }
  }

  func connectionConfiguration(for transport: Session.Transport) -> ConnectionConfiguration {
    let limits = config.current.limits
    let isSocket = if case .socket = transport { true } else { false }
    return ConnectionConfiguration(
      maximumMessageBytes: limits.maxMessageBytes,
      maximumInFlight: limits.maxInFlight,
      maximumBatch: limits.maxBatch,
      cancelsAtEndOfInput: isSocket,
      pool: pool,
      messageTooLarge: RPCError(
        ProtocolError(
          .messageTooLarge, "The message is larger than \(limits.maxMessageBytes) bytes and was skipped.",
          extra: ["maxMessageBytes": .integer(limits.maxMessageBytes)])),
      batchTooLarge: RPCError(
        ProtocolError(.batchTooLarge, "A batch may have \(limits.maxBatch) entries. Nothing of it was carried out.")),
      resultTooLarge: RPCError(
        ProtocolError(
          .resultTooLarge,
          "The answer would be larger than \(limits.maxMessageBytes) bytes. Ask for a range, or for fewer entries.")))
  }

  func sessionBegan(_ session: Session, _ connection: Connection) {
    let isTooLate = state.withLock { state in
      state.sessions[ObjectIdentifier(session)] = (session, connection)
      state.activity += 1
      return state.phase == .stopping || state.phase == .stopped
    }
    if isTooLate { connection.close() }
  }

  func sessionEnded(_ session: Session) {
    state.withLock { state in
      _ = state.sessions.removeValue(forKey: ObjectIdentifier(session))
      state.activity += 1
    }
    watchIdleness()
  }

  /// Tells those who follow `events`. They have the event in the stream too: who does not read is not waited for.
  private func tellStateChanged(_ app: AppSummary, _ previous: AppState) {
    for (session, connection) in state.withLock({ Array($0.sessions.values) })
    where session.attachments.isFollowing("events") && connection.hasRoomToSend {
      connection.send(AppStateChangedNotification.self, .init(app: app, previous: previous))
    }
  }

  // MARK: Leaving

  /// Ends the server when it stays without clients and work for the configured time.
  func watchIdleness() {
    let seconds = config.current.server.idleExitSeconds
    guard options.leavesWhenIdle, seconds > 0 else { return }
    let activity = state.withLock { $0.sessions.isEmpty ? $0.activity : nil }
    guard let activity else { return }
    group.next().scheduleTask(in: .seconds(Int64(seconds))) {
      let isIdle = self.state.withLock { $0.sessions.isEmpty && $0.activity == activity && $0.phase == .running }
      guard isIdle else { return }
      guard self.domains.jobs.runningCount == 0, !self.domains.apps.hasWanted, self.domains.agents.activeCount == 0,
        !self.domains.provisioning.connections.hasTerminals
      else { return self.watchIdleness() }
      self.log.info("leaving: nobody needs the server", metadata: ["idleSeconds": "\(seconds)"])
      self.stop()
    }
  }

  /// Tells whether a server still waits for connections; blocks until it has stopped.
  package func waitUntilStopped() {
    hasStopped.wait()
  }
}
