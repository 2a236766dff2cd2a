internal import BerthProtocol
internal import Platform

/// Where a template comes from, once its source has been looked at.
enum TemplateContent: Sendable {
  case files([InlineFile])
  /// A folder of this machine.
  case folder(path: String)
  case origin(TemplateOrigin, ref: String?, subdirectory: String?)

  /// - Parameter home: Berth's home, which holds the named templates.
  /// - Throws: `invalid_argument` where the source names no place, several, or one that does not go with the rest;
  ///   `template_not_found`.
  init(_ source: TemplateSource, home: Home) throws {
    let given = [source.files != nil, source.folder != nil, source.name != nil, source.url != nil].filter { $0 }
    guard given.count == 1 else {
      throw ProtocolError(
        .invalidArgument, "A template is taken from one place. Pass exactly one of `files`, `folder`, `name` and `url`."
      )
    }
    if source.ref != nil && source.url == nil {
      throw ProtocolError(.invalidArgument, "`ref` goes with `url` only. Leave it out.")
    }
    if let url = source.url {
      self = try Self.origin(url, ref: source.ref, subdirectory: source.subdirectory)
    } else if let files = source.files {
      if source.subdirectory != nil {
        throw ProtocolError(.invalidArgument, "`subdirectory` does not go with `files`. Leave it out.")
      }
      self = .files(files)
    } else {
      let folder = try source.folder.map { try FolderPath.canonical($0) }
      let path = try folder ?? Self.named(source.name ?? "", home: home)
      self = .folder(path: try Self.existing(path, source.subdirectory))
    }
  }

  /// - Throws: `invalid_argument`.
  static func origin(_ url: String, ref: String?, subdirectory: String?) throws -> TemplateContent {
    let origin = try TemplateOrigin(url)
    if case .archive = origin, ref != nil {
      throw ProtocolError(.invalidArgument, "`ref` goes with a git repository, and the URL is an archive's.")
    }
    // Looked at now, so that a fault is the call's and not the job's.
    _ = try GitSource(url: url, ref: ref, subdirectory: subdirectory, limits: TemplatesConfig())
    return .origin(origin, ref: ref, subdirectory: subdirectory)
  }

  /// The manifest, where it can be had without fetching anything.
  func manifest() throws -> TemplateManifest? {
    switch self {
    case .origin: return nil
    case .folder(let path): return try ManifestFile.read(in: Directory(path: path))
    case .files(let files):
      let path = try RelativePath(bytes: Array(ManifestFile.name.bytes))
      let file = try InlineFiles.decode(files).first { $0.path == path }
      return try file.map { try ManifestFile.parse($0.content) } ?? TemplateManifest()
    }
  }

  /// Puts the template together in a stage.
  ///
  /// - Returns: The commit's id, where it is a git repository's.
  func obtain(in stage: Stage, limits: TemplatesConfig, _ job: JobReport) async throws -> String? {
    switch self {
    case .files(let files):
      let tree = try stage.makeFolder(Stage.tree)
      try InlineFiles.write(try InlineFiles.decode(files), into: tree, limits: limits, job)
      return nil
    case .folder(let path):
      let source = try Directory(path: path)
      try FolderCopy.copy(source, into: try stage.makeFolder(Stage.tree), limits: limits, job)
      return nil
    case .origin(let origin, let ref, let subdirectory):
      return try await obtain(origin, ref, subdirectory, in: stage, limits, job)
    }
  }

  private func obtain(
    _ origin: TemplateOrigin, _ ref: String?, _ subdirectory: String?, in stage: Stage, _ limits: TemplatesConfig,
    _ job: JobReport
  ) async throws -> String? {
    let folder = try subdirectory.map(TemplateSubdirectory.path) ?? .root
    switch origin {
    case .git(let url):
      let source = try GitSource(url: url, ref: ref, subdirectory: subdirectory, limits: limits)
      return try await source.fetch(into: stage, telling: job)
    case .local(let path) where (try? FolderLook.at(FolderPath.canonical(path)).isDirectory) == true:
      let source = try GitSource(url: path, ref: ref, subdirectory: subdirectory, limits: limits)
      return try await source.fetch(into: stage, telling: job)
    case .local(let path):
      if ref != nil {
        throw ProtocolError(.invalidArgument, "`ref` goes with a git repository, and \(path) is none.")
      }
      try ArchiveSource.unpack(at: path, into: stage, limits: limits, job)
    case .archive(let url):
      try await ArchiveSource.unpack(url: url, into: stage, limits: limits, job)
    }
    try TemplateSubdirectory.select(folder, in: stage)
    return nil
  }

  private static func named(_ name: String, home: Home) throws -> String {
    let templates = home.templates
    let path = FolderPath.join(templates, name)
    // A link to a folder elsewhere is the user's own choice.
    if let path = try? FolderPath.canonical(path), (try? FolderLook.at(path).isDirectory) == true { return path }
    let names = (try? Directory(path: templates).entries()) ?? []
    let known = names.map(\.name.string).filter { !$0.hasPrefix(".") }.sorted().map { "`\($0)`" }
    throw ProtocolError(
      .templateNotFound,
      "The home has no template `\(name)`. "
        + (known.isEmpty ? "Put a folder of that name into \(templates)." : "It has \(known.joined(separator: ", "))."))
  }

  private static func existing(_ folder: String, _ subdirectory: String?) throws -> String {
    let inner = try subdirectory.map(TemplateSubdirectory.path) ?? .root
    let path = inner.isRoot ? folder : FolderPath.join(folder, inner.string)
    let resolved = try? FolderPath.canonical(path)
    guard let resolved, (try? FolderLook.at(resolved).isDirectory) == true else {
      throw ProtocolError(.templateNotFound, "There is no folder \(path). Pass the path of a template's folder.")
    }
    guard FolderPath.contains(folder, resolved) else {
      throw ProtocolError(.templateInvalid, "The subdirectory `\(inner)` leads out of the template \(folder).")
    }
    return resolved
  }
}
