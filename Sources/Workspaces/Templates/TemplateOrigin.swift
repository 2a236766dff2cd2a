internal import BerthProtocol

/// What a URL or path that a template is cloned from leads to.
///
/// An `http` or `https` URL whose path ends in `.zip`, `.tar`, `.tar.gz`, `.tgz`, `.tar.zst` or `.tzst` is an archive;
/// every other URL is a git repository. At a path of this machine (also as `file:` URL) a folder is a git repository
/// and a file an archive, whatever it is called.
enum TemplateOrigin: Sendable, Hashable {
  case git(String)
  case archive(url: String)
  case local(path: String)

  /// The endings of archives, and the format of each.
  static let endings: [(ending: String, format: ArchiveFormat?)] = [
    (".tar.gz", .tarGz), (".tgz", .tarGz), (".tar.zst", .tarZst), (".tzst", .tarZst), (".zip", .zip), (".tar", nil),
  ]

  private static let gitSchemes: Set<String> = ["ssh", "git", "git+ssh", "ssh+git"]

  /// - Throws: `invalid_argument` for what is neither, and for what git could take for something else than an address.
  init(_ url: String) throws {
    func refused(_ reason: String) -> ProtocolError {
      ProtocolError(
        .invalidArgument,
        "`\(Self.withoutPassword(url))` is no address of a template: \(reason). Pass an `https`, `ssh` or `file` URL, "
          + "`user@host:path`, or an absolute path.")
    }
    if url.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
      throw refused("it holds control characters")
    }
    // git would take it for an option.
    if url.utf8.first == UInt8(ascii: "-") { throw refused("it begins with `-`") }
    if url.utf8.first == UInt8(ascii: "/") {
      self = .local(path: url)
      return
    }
    guard let colon = url.utf8.firstIndex(of: UInt8(ascii: ":")) else { throw refused("it is not absolute") }
    let rest = url[url.utf8.index(after: colon)...]
    // `name::address` has git run a program of its own choice.
    if rest.utf8.first == UInt8(ascii: ":") { throw refused("git's remote helpers are not used") }
    guard rest.utf8.starts(with: "//".utf8) else {
      // `user@host:path`, as ssh has it.
      let host = url[..<colon]
      if host.isEmpty || host.utf8.contains(UInt8(ascii: "/")) { throw refused("it is not absolute") }
      self = .git(url)
      return
    }
    switch url[..<colon].lowercased() {
    case "http", "https": self = Self.isArchive(url) ? .archive(url: url) : .git(url)
    case "file": self = .local(path: try Self.path(ofFileURL: String(rest.dropFirst(2)), refused))
    case let scheme where Self.gitSchemes.contains(scheme): self = .git(url)
    case let scheme: throw refused("`\(scheme)` is no scheme of one")
    }
  }

  /// The last part of the address without an archive's ending, as a name for people.
  var name: String {
    let address: Substring =
      switch self {
      case .git(let url), .archive(let url): Self.path(of: url)
      case .local(let path): path[...]
      }
    let last = address.split(separator: "/").last.map(String.init) ?? "workspace"
    let ending = (Self.endings.map(\.ending) + [".git"]).first { last.lowercased().hasSuffix($0) }
    let name = String(last.dropLast(ending?.count ?? 0))
    return name.isEmpty ? "workspace" : name
  }

  /// The address for people: a password in it is left out.
  static func withoutPassword(_ text: String) -> String {
    var result = ""
    var rest = text[...]
    while let start = rest.firstRange(of: "://") {
      result += rest[..<start.upperBound]
      rest = rest[start.upperBound...]
      let host = rest.prefix { !"/ '\"".contains($0) }
      if let at = host.lastIndex(of: "@") {
        result += "***"
        rest = rest[at...]
      }
    }
    return result + rest
  }

  private static func isArchive(_ url: String) -> Bool {
    let path = path(of: url).lowercased()
    return endings.contains { path.hasSuffix($0.ending) }
  }

  /// A URL without its query and fragment.
  private static func path(of url: String) -> Substring {
    url.prefix { $0 != "?" && $0 != "#" }
  }

  private static func path(ofFileURL rest: String, _ refused: (String) -> ProtocolError) throws -> String {
    let host = rest.prefix { $0 != "/" }
    guard host.isEmpty || host == "localhost" else { throw refused("its file is on another machine") }
    var bytes: [UInt8] = []
    var encoded = Array(rest.utf8.dropFirst(host.utf8.count))[...]
    while let byte = encoded.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let digits = String(validating: encoded.prefix(2), as: UTF8.self), digits.utf8.count == 2,
        let value = UInt8(digits, radix: 16), value != 0
      else { throw refused("its path is not encoded as a URL's") }
      bytes.append(value)
      encoded = encoded.dropFirst(2)
    }
    guard bytes.first == UInt8(ascii: "/"), let path = String(validating: bytes, as: UTF8.self) else {
      throw refused("it has no absolute path")
    }
    return path
  }
}
