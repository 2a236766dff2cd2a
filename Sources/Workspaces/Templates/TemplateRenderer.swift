internal import BerthProtocol
internal import Glibc
internal import Platform

/// Fills the variables of a staged template in: in text files, in names, and in what links hold.
///
/// A file is text where its first 8,000 bytes hold no NUL, as git has it, and it is not over 64 MiB. `verbatim` globs
/// name files whose content is left alone. What is not declared stays as it is written.
struct TemplateRenderer {
  private let variables: TemplateVariables
  private let verbatim: GlobSet?
  private var budget: ContentBudget

  private static let maximumTextBytes: Int64 = 64 << 20
  private static let inspectedBytes = 8000
  private static let temporaryName: FileName = ".berth-rendered"

  init(_ manifest: TemplateManifest, _ variables: TemplateVariables, limits: TemplatesConfig) throws {
    self.variables = variables
    let globs = manifest.verbatim ?? []
    verbatim = globs.isEmpty ? nil : try GlobSet(globs)
    budget = ContentBudget(limits)
  }

  /// - Parameter step: Called for each entry; what it throws ends the rendering.
  mutating func render(_ tree: Directory, step: () throws -> Void) throws {
    if !variables.isEmpty { try render(tree, at: .root, step) }
  }

  private mutating func render(_ folder: Directory, at path: RelativePath, _ step: () throws -> Void) throws {
    for entry in try folder.entries().sorted(by: { $0.name < $1.name }) {
      try step()
      let path = path.appending(entry.name.bytes)
      let status = try folder.status(of: entry.name)
      switch status.kind {
      case .directory:
        try render(Directory(adopting: try folder.open(entry.name, [.read, .directory])), at: path, step)
      case .file:
        let isVerbatim = verbatim?.matches(path.components, isFolder: false) ?? false
        if !isVerbatim { try renderContent(of: entry.name, in: folder, status, at: path) }
      case .link:
        try renderLink(entry.name, in: folder, at: path)
      case .other: break
      }
      try renderName(entry.name, in: folder, status, at: path)
    }
  }

  private mutating func renderContent(
    of name: FileName, in folder: Directory, _ status: FileStatus, at path: RelativePath
  ) throws {
    guard status.size > 4, status.size <= Self.maximumTextBytes else { return }
    let file = try folder.open(name, [.read, .nonBlocking])
    var bytes = [UInt8](repeating: 0, count: Int(status.size))
    bytes.removeSubrange(try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }...)
    if bytes.prefix(Self.inspectedBytes).contains(0) { return }
    let text = TemplateText(bytes, variables)
    guard text.isChanged else { return }
    // Before it is written: many large values in a small file are a bomb too.
    try budget.add(bytes: Int64(text.count), of: path.string)
    try write(text, in: folder)
    let written = try folder.open(Self.temporaryName, [.write])
    try written.setPermissions(status.permissions)
    try folder.rename(Self.temporaryName, to: Place(directory: folder, name: name), .replace)
  }

  private func write(_ text: TemplateText, in folder: Directory) throws {
    let file = try folder.open(Self.temporaryName, [.write, .create, .truncate], permissions: 0o600)
    var buffer: [UInt8] = []
    for piece in text.pieces {
      buffer.append(contentsOf: piece)
      if buffer.count >= 1 << 16 {
        try buffer.withUnsafeBytes { try file.write($0) }
        buffer.removeAll(keepingCapacity: true)
      }
    }
    try buffer.withUnsafeBytes { try file.write($0) }
  }

  private func renderLink(_ name: FileName, in folder: Directory, at path: RelativePath) throws {
    let text = TemplateText(try folder.readLink(name), variables)
    guard text.isChanged else { return }
    try checkValues(of: text, at: path)
    try folder.removeFile(name)
    try folder.makeLink(name, to: text.result)
  }

  private func renderName(_ name: FileName, in folder: Directory, _ status: FileStatus, at path: RelativePath) throws {
    let text = TemplateText(Array(name.bytes), variables)
    guard text.isChanged else { return }
    try checkValues(of: text, at: path)
    let result = text.result
    let becomes = "with its variables it becomes `\(String(decoding: result, as: UTF8.self))`"
    guard let new = FileName(result), result.count <= Int(NAME_MAX), !new.isStaging else {
      throw budget.refusal("\(becomes), which is no file's name", path.string)
    }
    if new == name { return }
    do throws(SystemError) {
      try folder.rename(name, to: Place(directory: folder, name: new))
    } catch {
      guard error.errno == EEXIST else { throw error }
      throw budget.refusal("\(becomes), which is there already", path.string)
    }
  }

  /// A value that goes into a path is a part of one name, and never more.
  private func checkValues(of text: TemplateText, at path: RelativePath) throws {
    for value in text.values {
      if value.contains(UInt8(ascii: "/")) || value.contains(0) || value == Array("..".utf8) {
        throw budget.refusal(
          "the value `\(String(decoding: value, as: UTF8.self))` of a variable cannot be part of a path", path.string)
      }
    }
  }
}
