import ArgumentParser
import BerthProtocol
import JSON

/// `berth file`: files of workspaces.
struct FileCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "file",
    abstract: "Read, write and watch files of workspaces.",
    discussion: "Paths are meant from the workspace's folder, with `/` between their parts.",
    subcommands: [
      List.self, Stat.self, Read.self, Write.self, Delete.self, Move.self, Copy.self, MakeFolder.self, Watch.self,
    ],
    aliases: ["files"])
}

/// Which entries of a folder are meant.
struct FileSelection: ParsableArguments {
  @Option(help: "Only what matches this glob. May be repeated.")
  var include: [String] = []

  @Option(help: "Not what matches this glob. May be repeated.")
  var exclude: [String] = []

  var includes: [String]? { include.isEmpty ? nil : include }
  var excludes: [String]? { exclude.isEmpty ? nil : exclude }
}

extension FileCommand {
  struct List: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List files and folders.", aliases: ["ls"])

    @OptionGroup var target: WorkspaceArgument

    @Argument(help: "The folder to begin at. Default: the workspace's own.")
    var path: String?

    @Option(name: .shortAndLong, help: "How many levels to go down.")
    var depth: Int?

    @Flag(name: .shortAndLong, help: "Go down all levels.")
    var recursive = false

    @OptionGroup var selection: FileSelection

    @Flag(name: .shortAndLong, help: "Leave out what .gitignore files name.")
    var gitignore = false

    @Option(help: "Only entries of this type: file, directory, symlink, other. May be repeated.")
    var type: [FileType] = []

    @Flag(name: .shortAndLong, help: "Print paths only.")
    var quiet = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let workspace = try context.reference(target.workspace)
      var entries: [FileInfo] = []
      var cursor: String?
      repeat {
        let page = try context.request(
          FileList.self,
          .init(
            workspace: workspace, path: path, depth: recursive ? 1000 : depth ?? 1, include: selection.includes,
            exclude: selection.excludes, gitignore: gitignore, types: type.isEmpty ? nil : type, limit: 10000,
            cursor: cursor))
        if quiet, !context.json {
          for entry in page.entries {
            context.output.line(context.output.isTerminal ? DisplayText.safe(entry.path) : entry.path)
          }
        } else {
          entries += page.entries
        }
        cursor = page.nextCursor
      } while cursor != nil
      if context.json { return context.output.json(entries) }
      if !quiet { context.print(entries) }
    }
  }

  struct Stat: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "stat", abstract: "Tell what is at a path.", aliases: ["show"])

    @OptionGroup var target: WorkspaceArgument

    @Argument(help: "The path.")
    var path: String

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let file = try context.request(
        FileStat.self, .init(workspace: context.reference(target.workspace), path: path))
      context.show(file, context.print)
    }
  }

  struct Delete: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "delete", abstract: "Delete files or folders.", aliases: ["rm"])

    @OptionGroup var target: WorkspaceArgument

    @Argument(help: "What to delete.")
    var paths: [String]

    @Flag(name: .shortAndLong, help: "Delete folders with all that they hold.")
    var recursive = false

    @Option(help: "Only where the file still has this ETag.")
    var ifMatch: String?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let workspace = try context.reference(target.workspace)
      var all: [FileDeleted] = []
      for path in paths {
        let deleted = try context.request(
          FileDelete.self, .init(workspace: workspace, path: path, recursive: recursive, ifMatch: ifMatch))
        all.append(deleted)
        if !context.json {
          let count = deleted.entries == 1 ? "" : ", \(deleted.entries) entries"
          context.output.line("Deleted \(DisplayText.safe(deleted.path))\(count)")
        }
      }
      if context.json { context.output.json(all) }
    }
  }

  struct Move: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "move", abstract: "Move or rename a file or a folder.", aliases: ["mv"])

    @OptionGroup var target: WorkspaceArgument

    @Argument(help: "What to move.")
    var from: String

    @Argument(help: "Its new path.")
    var to: String

    @Flag(name: .shortAndLong, help: "Replace a file that is there.")
    var force = false

    @Flag(name: .shortAndLong, help: "Make missing folders on the way.")
    var parents = false

    @Option(help: "Only where the file still has this ETag.")
    var ifMatch: String?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let file = try context.request(
        FileMove.self,
        .init(
          workspace: context.reference(target.workspace), from: from, to: to, overwrite: force, createParents: parents,
          ifMatch: ifMatch))
      context.show(file) { context.output.line("Moved to \(DisplayText.safe($0.path))") }
    }
  }

  struct Copy: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "copy", abstract: "Copy a file or a folder.", aliases: ["cp"])

    @OptionGroup var target: WorkspaceArgument

    @Argument(help: "What to copy.")
    var from: String

    @Argument(help: "The copy's path.")
    var to: String

    @Flag(name: .shortAndLong, help: "Copy a folder with all that it holds.")
    var recursive = false

    @Flag(name: .shortAndLong, help: "Replace a file that is there.")
    var force = false

    @Flag(name: .shortAndLong, help: "Make missing folders on the way.")
    var parents = false

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let file = try context.request(
        FileCopy.self,
        .init(
          workspace: context.reference(target.workspace), from: from, to: to, recursive: recursive, overwrite: force,
          createParents: parents))
      context.show(file) { context.output.line("Copied to \(DisplayText.safe($0.path))") }
    }
  }

  struct MakeFolder: ServerCommand {
    static let configuration = CommandConfiguration(commandName: "mkdir", abstract: "Make a folder.")

    @OptionGroup var target: WorkspaceArgument

    @Argument(help: "The folder.")
    var path: String

    @Flag(name: .shortAndLong, help: "Make missing folders on the way, and take one that is there as made.")
    var parents = false

    @Option(help: "Its permission bits, in octal.")
    var mode: FileMode?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let file = try context.request(
        FileMkdir.self,
        .init(workspace: context.reference(target.workspace), path: path, parents: parents, mode: mode?.bits))
      context.show(file) { context.output.line("Made \(DisplayText.safe($0.path))/") }
    }
  }
}

/// Permission bits as `chmod` takes them: `644`, `0755`.
struct FileMode: ExpressibleByArgument {
  let bits: Int

  init?(argument: String) {
    guard let bits = Int(argument, radix: 8), (0...0o777).contains(bits) else { return nil }
    self.bits = bits
  }
}

extension FileType: ExpressibleByArgument {
  /// The letter that `ls -l` begins a line with.
  var letter: String {
    switch self {
    case .file: "-"
    case .directory: "d"
    case .symlink: "l"
    case .other: "?"
    }
  }

  var look: Style.Look {
    switch self {
    case .file: .plain
    case .directory: .boldBlue
    case .symlink: .cyan
    case .other: .yellow
    }
  }
}

extension Context {
  /// Prints entries as `ls -l` does.
  func print(_ entries: [FileInfo]) {
    var table = Table(.left("MODE"), .right("SIZE"), .left("CHANGED"), .left("PATH"))
    for entry in entries {
      let size = entry.type == .file ? (output.isTerminal ? Humanize.bytes(entry.size) : "\(entry.size)") : "-"
      let arrow = output.isTerminal ? entry.target.map { " → \($0)" } ?? "" : ""
      table.add(
        .init(entry.type.letter + Humanize.mode(entry.mode), .dim), .init(size),
        .init(output.isTerminal ? Humanize.age(entry.modifiedAt) : entry.modifiedAt, .dim),
        .init(entry.path + (entry.type == .directory ? "/" : "") + arrow, entry.type.look))
    }
    output.print(table)
  }

  func print(_ file: FileInfo) {
    var details = Details()
    details.add("path", file.path, .bold)
    details.add("type", file.type.rawValue)
    details.add("leads to", file.target)
    details.add("size", output.isTerminal ? "\(file.size) (\(Humanize.bytes(file.size)))" : "\(file.size)")
    details.add("mode", Humanize.mode(file.mode))
    details.add("changed", time(file.modifiedAt))
    details.add("etag", file.etag)
    output.print(details)
  }
}
