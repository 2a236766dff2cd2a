import ArgumentParser
import BerthProtocol
import Glibc

/// Values that commands take as NAME=VALUE.
struct Assignment: ExpressibleByArgument {
  let name: String
  let value: String

  init?(argument: String) {
    guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else { return nil }
    name = String(argument[..<equals])
    value = String(argument[argument.index(after: equals)...])
  }
}

extension [Assignment] {
  /// The values by name; the last one of a name counts.
  var dictionary: [String: String] { Dictionary(map { ($0.name, $0.value) }) { $1 } }
}

/// How a template is put in place.
struct TemplateOptions: ParsableArguments {
  @Option(help: "The branch, tag or commit of a git repository.")
  var ref: String?

  @Option(help: "Only this folder of it.")
  var subdirectory: String?

  @Option(name: [.customLong("var"), .customShort("v")], help: "A value for one of the template's variables.")
  var variables: [Assignment] = []
}

/// What a template is taken from, as it is written on the command line.
enum TemplateReference {
  case name(String)
  case folder(String)
  case url(String)

  /// - Parameter text: A name of the home's templates; a path of a folder or an archive; a URL.
  init(_ text: String, options: TemplateOptions) throws {
    let isPath = text.hasPrefix("/") || text.hasPrefix(".") || text.hasPrefix("~")
    if !isPath, text.contains("://") || Self.isRemote(text) {
      self = .url(text)
    } else if isPath || text.contains("/") || Self.hasArchiveEnding(text) {
      let path = try Context.absolute(text)
      // A branch of a local repository can only be cloned.
      self = options.ref == nil && Self.isFolder(path) ? .folder(path) : .url(path)
    } else {
      self = .name(text)
    }
  }

  func source(_ options: TemplateOptions) -> TemplateSource {
    switch self {
    case .name(let name): TemplateSource(name: name, subdirectory: options.subdirectory)
    case .folder(let folder): TemplateSource(folder: folder, subdirectory: options.subdirectory)
    case .url(let url): TemplateSource(url: url, ref: options.ref, subdirectory: options.subdirectory)
    }
  }

  /// `user@host:path`, as git and ssh write it.
  private static func isRemote(_ text: String) -> Bool {
    guard let at = text.firstIndex(of: "@"), let colon = text.firstIndex(of: ":") else { return false }
    return at < colon && !text[..<at].contains("/")
  }

  private static func hasArchiveEnding(_ text: String) -> Bool {
    [".zip", ".tar.gz", ".tgz", ".tar.zst"].contains { text.hasSuffix($0) }
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
