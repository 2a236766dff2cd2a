internal import BerthProtocol
internal import Glibc
internal import Platform

/// Makes a tree of files out of what comes from outside, in a folder of Berth's own.
///
/// Every name is checked, no entry goes through a link, an earlier entry cannot be made another type by a later one,
/// and nothing but files, folders and links is made. Permissions lose the set-id bits, the sticky bit and writing by
/// others. Folders get theirs, and their times, in `finish`: one that is closed to writing can be filled until then.
struct TreeBuilder {
  private enum Kind { case file, directory, link }

  private let root: Directory
  private var trail: FolderTrail
  private(set) var budget: ContentBudget
  private var kinds: [RelativePath: Kind] = [.root: .directory]
  private var folders: [(path: RelativePath, permissions: UInt32, modified: Int64?)] = []

  /// - Parameter root: An empty folder that nobody else writes to.
  init(in root: Directory, budget: ContentBudget) {
    self.root = root
    self.budget = budget
    trail = FolderTrail(root)
  }

  /// Brings the name of an entry to its one form, or throws why it is refused.
  func checkedPath(_ name: [UInt8]) throws -> RelativePath {
    try EntryName.check(name, refusal: budget.refusal)
  }

  mutating func makeDirectory(_ path: RelativePath, permissions: UInt32, modified: Int64? = nil) throws {
    if path.isRoot { return }
    folders.append((path, permissions & 0o775 | 0o700, modified))
    if kinds[path] == .directory { return }
    try makeParents(of: path)
    try checkFree(path, for: .directory)
    try make(directory: path)
  }

  /// Makes a file, or makes one anew that came earlier, and opens it for writing.
  mutating func makeFile(_ path: RelativePath) throws -> OwnedDescriptor {
    let place = try prepare(path, for: .file)
    return try place.directory.open(place.name, [.write, .create, .exclusive], permissions: 0o600)
  }

  /// Sets what a file's descriptor is still to get once its content is written.
  func complete(_ file: OwnedDescriptor, permissions: UInt32, modified: Int64?) throws {
    try file.setPermissions(permissions & 0o775 | 0o400)
    if let modified { try file.setModified(nanosecondsSince1970: modified) }
  }

  /// Makes a link. Where it leads is looked at here by its words alone; `TreeCheck` looks at what they come to.
  mutating func makeLink(_ path: RelativePath, to target: [UInt8]) throws {
    if let reason = path.reasonAgainstLink(to: target) { throw budget.refusal(reason, path.string) }
    let place = try prepare(path, for: .link)
    try place.directory.makeLink(place.name, to: target)
  }

  /// Gives a file that came earlier another name.
  mutating func makeHardLink(_ path: RelativePath, to target: [UInt8]) throws {
    guard let target = try? checkedPath(target), kinds[target] == .file, target != path else {
      let text = String(decoding: target, as: UTF8.self)
      throw budget.refusal("it is another name of `\(text)`, which is no earlier file", path.string)
    }
    let old = try trail.place(of: target)
    let new = try prepare(path, for: .file)
    try old.makeHardLink(to: new)
  }

  /// Counts content of a file that is being written.
  mutating func add(bytes count: Int64, packed: Int64? = nil, to path: RelativePath) throws {
    try budget.add(bytes: count, packed: packed, of: path.string)
  }

  /// Gives the folders their permissions and times, the inner ones first.
  mutating func finish() throws {
    trail.forget()
    for folder in folders.sorted(by: { $1.path < $0.path }) {
      let opened = try trail.open(folder.path).open(.root, [.read, .directory])
      try opened.setPermissions(folder.permissions)
      if let modified = folder.modified { try opened.setModified(nanosecondsSince1970: modified) }
    }
  }

  private mutating func make(directory path: RelativePath) throws {
    try budget.addEntry(path.string)
    let place = try trail.place(of: path)
    try place.directory.makeDirectory(place.name, permissions: 0o700)
    kinds[path] = .directory
  }

  private mutating func makeParents(of path: RelativePath) throws {
    try makeFolder(path.parent, for: path)
  }

  /// Makes a folder that no entry has named yet, and those above it, for an entry that lies in it.
  private mutating func makeFolder(_ parent: RelativePath, for path: RelativePath) throws {
    switch kinds[parent] {
    case .directory: return
    case .file: throw budget.refusal("`\(parent)` is a file and cannot hold it", path.string)
    case .link: throw budget.refusal("it goes through the link `\(parent)`", path.string)
    case nil: break
    }
    try makeFolder(parent.parent, for: path)
    try make(directory: parent)
    folders.append((parent, 0o755, nil))
  }

  /// Makes room for an entry: its folders are made, and an earlier entry of the same type and name is removed.
  private mutating func prepare(_ path: RelativePath, for kind: Kind) throws -> Place {
    if path.isRoot { throw budget.refusal("it has no name", ".") }
    try makeParents(of: path)
    try checkFree(path, for: kind)
    let place = try trail.place(of: path)
    if kinds[path] == nil {
      try budget.addEntry(path.string)
    } else {
      try place.directory.removeFile(place.name)
    }
    kinds[path] = kind
    return place
  }

  private func checkFree(_ path: RelativePath, for kind: Kind) throws {
    guard let earlier = kinds[path], earlier != kind else { return }
    throw budget.refusal("an earlier entry of this name is a \(earlier), this one a \(kind)", path.string)
  }
}

extension Place {
  /// Gives the file that is here a second name. A link is not followed.
  func makeHardLink(to other: Place) throws(SystemError) {
    let code = directory.descriptor.withDescriptor { from in
      other.directory.descriptor.withDescriptor { to in
        Array(name.bytes).withCString { name in
          Array(other.name.bytes).withCString { linkat(from, name, to, $0, 0) }
        }
      }
    }
    if code != 0 { throw SystemError(errno: errno, operation: "linkat", path: other.name.string) }
  }
}
