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
    let events: WatchEvents
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
        try running.table.scan(folder, telling: .nothing)
      } catch {
        running.table.drop(watch)
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

  /// Tells what was gathered and closes the stream. What it told stays there for those who follow it.
  private func end(_ watch: FolderWatch) {
    guard watch.folder != nil else { return }
    watch.tell()
    running?.table.drop(watch)
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
    let running = Running(inotify: inotify, table: table, events: WatchEvents(table))
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
    let times = entries.values.flatMap { [$0.watch.tellAt, $0.lingersUntil] } + [running?.events.settleAt]
    return times.compactMap(\.self).min()
  }

  private func work(_ inotify: Inotify) {
    guard !isStopped, let events = running?.events else { return }
    let now = Timestamp.monotonicNanoseconds()
    let news = (try? inotify.read()) ?? []
    for event in news {
      for watch in events.take(event, now: now) { end(watch) }
    }
    for watch in events.settle(now: now, isQuiet: news.isEmpty, watches: entries.values.map(\.watch)) {
      // It would not be whole any more. Its followers see a gap and the end, and are told why when they begin again.
      watch.journal.noteLoss()
      end(watch)
    }
    for entry in entries.values {
      entry.watch.noteChanges(now: now)
      if let time = entry.watch.tellAt, time <= now { entry.watch.tell() }
      if let time = entry.lingersUntil, time <= now { remove(entry) }
    }
  }
}
