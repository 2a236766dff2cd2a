internal import BerthProtocol
internal import Platform
internal import Streams
internal import Synchronization

/// The thread that reads inotify's queue, and the watches that it serves.
///
/// Unchecked: every variable is read and written with `lock` held.
final class WatchLoop: @unchecked Sendable {
  /// What is kept of a watch, by the name of its stream.
  private final class Entry {
    let watch: FolderWatch
    var attachments = 0
    /// When the watch ends unless somebody attaches; nil while somebody is.
    var lingersUntil: Int64?

    init(_ watch: FolderWatch) {
      self.watch = watch
    }
  }

  /// What there is once there has been a watch.
  private struct Running {
    let inotify: Inotify
    let table: WatchTable
    /// By when to look at everything again, since events were lost; nil while none were.
    var recoverAt: Int64?
  }

  private let streams: StreamStore
  private let maximumDirectories: @Sendable () -> Int
  private let lingerNanoseconds: Int64
  private let lock = Mutex<Void>(())
  private var running: Running?
  private var entries: [String: Entry] = [:]
  private var isStopped = false

  init(streams: StreamStore, maximumDirectories: @escaping @Sendable () -> Int, lingerNanoseconds: Int64) {
    self.streams = streams
    self.maximumDirectories = maximumDirectories
    self.lingerNanoseconds = lingerNanoseconds
  }

  private func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
    try lock.withLock { _ in try body() }
  }

  // MARK: Watches

  var count: Int { locked { entries.values.count { $0.watch.folder != nil } } }

  func start(_ request: WatchRequest) throws {
    try locked {
      let running = try self.running ?? begin()
      let watch = FolderWatch(request)
      let folder = WatchedFolder(watch)
      watch.folder = folder
      do {
        // The guards first: a folder that is removed between is found missing by the scan.
        try addGuards(request, watch, running.table)
        var reading = Reconciliation(running.table, watch, isSilent: true)
        try reading.begin()
      } catch {
        running.table.remove(watch)
        throw error
      }
      let entry = Entry(watch)
      entry.lingersUntil = Timestamp.monotonicNanoseconds() + lingerNanoseconds
      entries[request.journal.name] = entry
      streams.register(request.journal)
      running.inotify.wake()
    }
  }

  /// Watches the folders above the watched one, that of the workspace's own folder included, for its removal: while
  /// somebody has a folder open, inotify does not tell of that in the folder itself.
  private func addGuards(_ request: WatchRequest, _ watch: FolderWatch, _ table: WatchTable) throws {
    let own = request.workspace.workspace.path
    if let name = FileName(FolderPath.name(of: own)) {
      try table.addGuard(try Directory(path: FolderPath.parent(of: own)), name, for: watch)
    }
    var folder = RelativePath.root
    for part in request.start.components {
      guard let name = FileName(part) else { break }
      try table.addGuard(try watch.root.openDirectory(folder), name, for: watch)
      folder = folder.appending(part)
    }
  }

  func attached(_ stream: String) {
    locked {
      guard let entry = entries[stream] else { return }
      entry.attachments += 1
      entry.lingersUntil = nil
    }
  }

  func detached(_ stream: String) {
    locked {
      guard let entry = entries[stream], entry.attachments > 0 else { return }
      entry.attachments -= 1
      guard entry.attachments == 0 else { return }
      entry.lingersUntil = Timestamp.monotonicNanoseconds() + lingerNanoseconds
      running?.inotify.wake()
    }
  }

  func end(streamsBeginningWith prefix: String) {
    locked {
      for (name, entry) in entries where name.hasPrefix(prefix) { end(entry.watch) }
    }
  }

  /// Ends everything, the thread too.
  func stop() {
    locked {
      isStopped = true
      for entry in entries.values { remove(entry) }
      running?.inotify.wake()
    }
  }

  /// Closes a watch's stream. What it told stays there for those who follow it.
  private func end(_ watch: FolderWatch) {
    guard watch.folder != nil else { return }
    running?.table.remove(watch)
    watch.lookAt = nil
    watch.journal.close()
  }

  private func remove(_ entry: Entry) {
    end(entry.watch)
    entries[entry.watch.journal.name] = nil
    streams.unregister(entry.watch.journal)
  }

  // MARK: The thread

  private func begin() throws -> Running {
    let inotify: Inotify
    do throws(SystemError) {
      inotify = try Inotify()
    } catch {
      throw ProtocolError(
        .limitReached,
        "The system gives this user no more inotify queues. End other programs that watch files, or raise `fs.inotify.max_user_instances`.",
        detail: error.description)
    }
    let table = WatchTable(inotify: inotify, maximumDirectories: maximumDirectories)
    let running = Running(inotify: inotify, table: table)
    self.running = running
    startDetached("berth-watch") { self.run(inotify) }
    return running
  }

  private func run(_ inotify: Inotify) {
    while true {
      let deadline: Int64? = locked { isStopped ? 0 : nextDeadline }
      if locked({ isStopped }) { return }
      let wait = deadline.map { max(0, $0 - Timestamp.monotonicNanoseconds()) }
      inotify.wait(milliseconds: wait.map { Int(($0 + 999_999) / 1_000_000) })
      locked { work(inotify) }
    }
  }

  /// When there is something to do, should nothing happen before.
  private var nextDeadline: Int64? {
    if running?.recoverAt != nil { return 0 }
    return entries.values.flatMap { [$0.watch.lookAt, $0.lingersUntil] }.compactMap(\.self).min()
  }

  private func work(_ inotify: Inotify) {
    guard !isStopped, let table = running?.table else { return }
    let events = (try? inotify.read()) ?? []
    let now = Timestamp.monotonicNanoseconds()
    for event in events {
      if event.kinds.contains(.overflow), running?.recoverAt == nil {
        running?.recoverAt = now + Self.stormNanoseconds
      }
      for watch in table.take(event) { end(watch) }
    }
    if let time = running?.recoverAt, events.isEmpty || time <= now { recover() }
    for entry in entries.values {
      entry.watch.schedule(now: now)
      if let time = entry.watch.lookAt, time <= now { look(entry.watch, table) }
      if let time = entry.lingersUntil, time <= now { remove(entry) }
    }
  }

  /// Tells what has changed.
  private func look(_ watch: FolderWatch, _ table: WatchTable) {
    guard watch.folder != nil else { return }
    watch.lookAt = nil
    var look = Reconciliation(table, watch)
    do {
      try look.run()
      watch.tell(look.told)
      watch.fruitlessLooks = watch.hasNotes ? watch.fruitlessLooks + 1 : 0
      if watch.fruitlessLooks > Self.maxFruitlessLooks {
        throw SystemError(errno: SystemError.Code.notFound, operation: "openat2")
      }
    } catch {
      // It would not be whole any more. Its followers see a gap and the end, and are told why when they begin again.
      watch.journal.noteLoss()
      end(watch)
    }
    // What is left is on its way elsewhere: there is news of that to come.
    watch.schedule(now: Timestamp.monotonicNanoseconds() + Self.retryNanoseconds)
  }

  /// Looks at everything, since nobody knows what was missed. Followers are told of the gap, and then what is found;
  /// but not which files have another content.
  private func recover() {
    running?.recoverAt = nil
    for entry in entries.values {
      guard let folder = entry.watch.folder else { continue }
      entry.watch.journal.noteLoss()
      for below in folder.all { below.markAll() }
    }
  }

  /// How long after a loss the queue is read on before everything is looked at again.
  private static let stormNanoseconds: Int64 = 200_000_000
  /// How many looks may leave something unfound. News of where it is takes moments.
  private static let maxFruitlessLooks = 200
  /// How long to wait for news of what could not be found.
  private static let retryNanoseconds: Int64 = 10_000_000
}
