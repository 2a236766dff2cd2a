import ArgumentParser
import BerthProtocol

/// `berth snapshot`: workspaces as they were.
struct SnapshotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot",
    abstract: "Take, compare and restore snapshots of workspaces.",
    subcommands: [Create.self, List.self, Get.self, Diff.self, Restore.self, Delete.self],
    aliases: ["snap"])
}

/// What a snapshot is taken of, and how.
struct SnapshotOptions: ParsableArguments {
  @OptionGroup var target: WorkspaceArgument

  @Option(name: .shortAndLong, help: "A label, for people.")
  var label: String?

  @Flag(help: "Take files that .gitignore names too.")
  var includeIgnored = false

  @OptionGroup var job: JobOptions

  func run(_ context: Context) throws {
    let started = try context.request(
      WorkspaceSnapshot.self,
      .init(workspace: context.reference(target.workspace), label: label, includeIgnored: includeIgnored))
    try context.settle(started, detach: job.detach) { job in
      guard let snapshot = try job.result(as: SnapshotJobResult.self)?.snapshot else { return }
      context.output.line(snapshot.id)
      if context.output.isTerminal {
        let counts = "\(Humanize.count(snapshot.files, "file")), \(Humanize.bytes(snapshot.bytes))"
        Messages.line(Style.errors(.dim, "\(counts), \(Humanize.bytes(snapshot.storedBytes)) of it new"))
      }
    }
  }
}

extension SnapshotCommand {
  struct Create: ServerCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Keep a workspace as it is now.")

    @OptionGroup var snapshot: SnapshotOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws { try snapshot.run(context) }
  }

  struct List: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract: "List a workspace's snapshots, newest first.", aliases: ["ls"])

    @OptionGroup var target: WorkspaceArgument

    @Flag(name: .shortAndLong, help: "Print ids only.")
    var quiet = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let workspace = try context.reference(target.workspace)
      var snapshots: [Snapshot] = []
      var cursor: String?
      repeat {
        let page = try context.request(SnapshotList.self, .init(workspace: workspace, limit: 1000, cursor: cursor))
        snapshots += page.snapshots
        cursor = page.nextCursor
      } while cursor != nil
      if context.json { return context.output.json(snapshots) }
      if quiet { return snapshots.forEach { context.output.line($0.id) } }
      var table = Table(
        .left("ID"), .text("LABEL"), .right("FILES"), .right("SIZE"), .right("NEW"), .left("CREATED"))
      let isTerminal = context.output.isTerminal
      for snapshot in snapshots {
        let label = snapshot.label ?? (snapshot.automatic ? "before a restore" : "")
        table.add(
          .init(snapshot.id), .init(label, snapshot.automatic ? .dim : .bold), .init("\(snapshot.files)"),
          .init(isTerminal ? Humanize.bytes(snapshot.bytes) : "\(snapshot.bytes)"),
          .init(isTerminal ? Humanize.bytes(snapshot.storedBytes) : "\(snapshot.storedBytes)"),
          .init(isTerminal ? Humanize.age(snapshot.createdAt) : snapshot.createdAt, .dim))
      }
      context.output.print(table)
    }
  }

  struct Get: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "get", abstract: "Show one snapshot.", aliases: ["show"])

    @Argument(help: "The snapshot's id.")
    var snapshot: String

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let snapshot = try context.request(SnapshotGet.self, .init(snapshot: snapshot))
      context.show(snapshot) { snapshot in
        var details = Details()
        details.add("id", snapshot.id, .bold)
        details.add("label", snapshot.label)
        details.add("workspace", snapshot.workspace)
        details.add("made by", snapshot.automatic ? "a restore, to undo it" : nil)
        details.add("files", "\(snapshot.files)")
        details.add("folders", "\(snapshot.directories)")
        details.add("size", Humanize.bytes(snapshot.bytes))
        details.add("new", Humanize.bytes(snapshot.storedBytes))
        details.add("ignored", snapshot.includeIgnored ? "taken too" : "left out")
        details.add("created", context.time(snapshot.createdAt))
        context.output.print(details)
      }
    }
  }

  struct Diff: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "diff",
      abstract: "Tell what changed since a snapshot, up to another one or to now.")

    @Argument(help: "The older snapshot.")
    var from: String

    @Argument(help: "The newer one. Default: the workspace as it is now.")
    var to: String?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      var changes: [SnapshotChange] = []
      var cursor: String?
      repeat {
        let page = try context.request(SnapshotDiff.self, .init(from: from, to: to, limit: 10000, cursor: cursor))
        if context.json { changes += page.changes } else { page.changes.forEach { print($0, context) } }
        cursor = page.nextCursor
      } while cursor != nil
      if context.json { context.output.json(changes) }
    }

    /// One line a change, marked as version control systems mark them.
    private func print(_ change: SnapshotChange, _ context: Context) {
      let (mark, look): (String, Style.Look) =
        switch change.change {
        case .added: ("A", .green)
        case .removed: ("D", .red)
        case .modified: ("M", .yellow)
        case .retyped: ("T", .magenta)
        case .permissions: ("P", .cyan)
        }
      let path = DisplayText.safe(change.path) + (change.type == .directory ? "/" : "")
      context.output.line("\(context.output.style(look, mark))\t\(path)")
    }
  }

  struct Restore: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "restore",
      abstract: "Put a workspace back to a snapshot: the whole, or some paths.",
      discussion: """
        What it changes is kept in a snapshot first, so that a restore can be undone by restoring that one. A failure, \
        or Ctrl-C, leaves the workspace as it was.
        """)

    @Argument(help: "The snapshot's id.")
    var snapshot: String

    @Argument(help: "Only these files and folders. Default: the whole.")
    var paths: [String] = []

    @OptionGroup var job: JobOptions
    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let started = try context.request(
        SnapshotRestore.self, .init(snapshot: snapshot, paths: paths.isEmpty ? nil : paths))
      try context.settle(started, detach: job.detach) { job in
        guard let result = try job.result(as: RestoreJobResult.self) else { return }
        context.output.line(
          "Wrote \(result.written), removed \(result.removed), left \(result.unchanged) as they were. "
            + "`berth snapshot restore \(result.undo)` undoes it.")
      }
    }
  }

  struct Delete: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "delete",
      abstract: "Delete snapshots, and what no other snapshot needs.", aliases: ["rm"])

    @Argument(help: "The snapshots' ids.")
    var snapshots: [String]

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      var deleted: [SnapshotDeleted] = []
      for snapshot in snapshots {
        let one = try context.request(SnapshotDelete.self, .init(snapshot: snapshot))
        deleted.append(one)
        if !context.json {
          context.output.line("Deleted \(one.snapshot), freed \(Humanize.bytes(one.freedBytes))")
        }
      }
      if context.json { context.output.json(deleted) }
    }
  }
}
