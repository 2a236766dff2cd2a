import ArgumentParser
import BerthProtocol
import JSON
import Platform

extension FileCommand {
  struct Read: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "read",
      abstract: "Print a file.",
      discussion: "Files of any size are read in pieces. A file that changes meanwhile fails the command.",
      aliases: ["cat"])

    /// How much is asked for at once, in bytes.
    private static let pieceBytes = 4 << 20

    @OptionGroup var target: WorkspaceArgument

    @Argument(help: "The file.")
    var path: String

    @Option(help: "Where to begin, in bytes.")
    var offset = 0

    @Option(help: "How much to read, in bytes. Default: to the end.")
    var length: Int?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let workspace = try context.reference(target.workspace)
      if context.json {
        return context.output.json(
          try context.request(
            FileRead.self, .init(workspace: workspace, path: path, offset: offset, length: length)))
      }
      var position = offset
      var etag: String?
      while true {
        let rest = length.map { offset + $0 - position }
        let piece = try context.request(
          FileRead.self,
          .init(
            workspace: workspace, path: path, offset: position, length: min(rest ?? .max, Self.pieceBytes)))
        guard etag == nil || piece.etag == etag else {
          context.output.flush()
          throw Failure("\(path) was changed while it was read", status: .conflict, hint: "read it again")
        }
        etag = piece.etag
        try write(piece, to: context.output)
        position += piece.length
        if piece.eof || piece.length == 0 || rest == piece.length { break }
      }
    }

    private func write(_ piece: FileContent, to output: Output) throws {
      switch piece.encoding {
      case .utf8: output.write(piece.content.utf8)
      case .base64:
        guard !output.isTerminal else {
          throw Failure("\(path) is no text", hint: "send it to a file with `>`, or look at it with `| xxd`")
        }
        guard let bytes = Base64.decode(piece.content) else { throw Failure("the server's answer is not base64") }
        output.write(bytes)
      }
    }
  }

  struct Write: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "write",
      abstract: "Write a whole file in one step, from standard input.")

    @OptionGroup var target: WorkspaceArgument

    @Argument(help: "The file.")
    var path: String

    @Option(help: "Write this text.")
    var text: String?

    @Option(help: "Write what this file holds.", completion: .file())
    var from: String?

    @Option(help: "Only where the file still has this ETag.")
    var ifMatch: String?

    @Flag(help: "Only where nothing is there.")
    var new = false

    @Flag(name: .shortAndLong, help: "Make missing folders on the way.")
    var parents = false

    @Option(help: "The permission bits, in octal.")
    var mode: FileMode?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func validate() throws {
      if text != nil, from != nil { throw ValidationError("--text and --from exclude each other.") }
      if ifMatch != nil, new { throw ValidationError("--if-match and --new exclude each other.") }
    }

    func run(_ context: Context) throws {
      let bytes = try text.map { Array($0.utf8) } ?? from.map { try Input.readAll($0) } ?? Input.readAll()
      let text = String(validating: bytes, as: UTF8.self)
      let written = try context.request(
        FileWrite.self,
        .init(
          workspace: context.reference(target.workspace), path: path, content: text ?? Base64.encode(bytes),
          encoding: text == nil ? .base64 : .utf8, ifMatch: ifMatch, ifNoneMatch: new ? .any : nil,
          createParents: parents, mode: mode?.bits))
      context.show(written) { written in
        let file = written.file
        context.output.line(
          "\(written.created ? "Made" : "Wrote") \(DisplayText.safe(file.path)), \(Humanize.bytes(file.size))")
      }
    }
  }

  struct Watch: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "watch",
      abstract: "Tell what changes under a path, until Ctrl-C.")

    @OptionGroup var target: WorkspaceArgument

    @Argument(help: "The folder or file. Default: the workspace's own folder.")
    var path: String?

    @Flag(help: "Leave out folders below.")
    var flat = false

    @OptionGroup var selection: FileSelection

    @Flag(help: "Tell of what .gitignore files name too.")
    var includeIgnored = false

    @Option(help: "How long changes are gathered, in milliseconds.")
    var debounce: Int?

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let params = FileWatch.Params(
        workspace: try context.reference(target.workspace), path: path, recursive: !flat, include: selection.includes,
        exclude: selection.excludes, gitignore: !includeIgnored, debounceMs: debounce ?? 50)
      try context.reconnecting { attempt in
        if attempt > 1 { warn("changes of the time between are not told") }
        let attachment = try context.request(FileWatch.self, params)
        let events = StreamEvents(try context.client, attachment: attachment.attachment)
        events.onGap = { _ in warn("changes came faster than they could be told; some are missing") }
        while let event = try events.next() {
          if context.json { context.output.jsonLine(event) } else { try print(event, context.output) }
          context.output.flush()
        }
      }
    }

    private func warn(_ text: String) {
      Messages.line(Style.errors(.yellow, text))
    }

    private func print(_ event: StreamEvent, _ output: Output) throws {
      let change = try Decoding.decode(FileChanged.self, from: event.payload)
      let word = event.type.split(separator: ".").last.map(String.init) ?? event.type
      let path = DisplayText.safe(change.path) + (change.type == .directory ? "/" : "")
      let from = change.from.map { DisplayText.safe($0) }
      guard output.isTerminal else {
        return output.line([word, path, from].compactMap(\.self).joined(separator: "\t"))
      }
      let look: Style.Look =
        switch event.type {
        case EventType.fileCreated: .green
        case EventType.fileDeleted: .red
        case EventType.fileMoved: .cyan
        default: .yellow
        }
      let padded = word + String(repeating: " ", count: max(0, 8 - word.count))
      output.line(
        output.style(.dim, Humanize.clock(event.time)) + "  " + output.style(look, padded)
          + (from.map { "\($0) → " } ?? "") + path)
    }
  }
}
