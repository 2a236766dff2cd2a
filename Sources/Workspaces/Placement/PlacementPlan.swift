internal import Platform

/// One change to a workspace's folder on the way to putting a staged tree in place.
///
/// Each is one system call, or one that can be repeated; and from what is on disk afterwards it can be told whether it
/// was carried out. That is what makes a plan, once it is written down, enough to take everything back, whenever and
/// however the carrying out ended. A slot is a path in the stage.
enum PlacementStep: Sendable, Hashable {
  /// Exchanges the staged tree and the workspace's folder.
  case exchangeFolder(staged: UInt64)
  /// Moves the staged tree to where no folder of the workspace is yet.
  case placeFolder(staged: UInt64)
  /// Moves what is staged to a path at which nothing is.
  case moveIn(slot: RelativePath, path: RelativePath, staged: UInt64)
  /// Exchanges what is staged and what is at a path.
  case exchange(slot: RelativePath, path: RelativePath, staged: UInt64)
  /// Moves what is at a path into the stage.
  case moveOut(path: RelativePath, slot: RelativePath)
  /// Removes an empty folder; one that is not empty stays.
  case removeFolder(path: RelativePath, was: FolderAttributes)
  /// Gives something other permissions or another time.
  case setAttributes(path: RelativePath, before: FileAttributes, after: FileAttributes)
}

struct FolderAttributes: Sendable, Hashable {
  var permissions: UInt32
  var owner: UInt32
  var group: UInt32
}

struct FileAttributes: Sendable, Hashable {
  var permissions: UInt32
  /// In nanoseconds since 1970.
  var modified: Int64

  init(permissions: UInt32, modified: Int64) {
    self.permissions = permissions
    self.modified = modified
  }

  init(_ status: FileStatus) {
    self.init(permissions: status.permissions, modified: status.modified)
  }
}

/// All the changes that put a staged tree in place, in their order.
struct PlacementPlan: Sendable, Hashable {
  var steps: [PlacementStep] = []
  /// The times of the folders in which the steps change names, as they were before.
  var folderTimes: [RelativePath: Int64] = [:]
}

extension PlacementPlan {
  init(decoding bytes: [UInt8]) throws(ByteReader.Damaged) {
    var reader = ByteReader(bytes)
    for _ in 0..<(try reader.number()) { steps.append(try PlacementStep(from: &reader)) }
    for _ in 0..<(try reader.number()) {
      let path = try reader.path()
      folderTimes[path] = try reader.signed()
    }
  }

  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.number(UInt64(steps.count))
    for step in steps { step.encode(into: &writer) }
    writer.number(UInt64(folderTimes.count))
    for (path, modified) in folderTimes {
      writer.string(path.bytes)
      writer.signed(modified)
    }
    return writer.bytes
  }
}

extension PlacementStep {
  fileprivate func encode(into writer: inout ByteWriter) {
    switch self {
    case .exchangeFolder(let staged):
      writer.number(1)
      writer.number(staged)
    case .placeFolder(let staged):
      writer.number(7)
      writer.number(staged)
    case .moveIn(let slot, let path, let staged), .exchange(let slot, let path, let staged):
      if case .moveIn = self { writer.number(2) } else { writer.number(3) }
      writer.string(slot.bytes)
      writer.string(path.bytes)
      writer.number(staged)
    case .moveOut(let path, let slot):
      writer.number(4)
      writer.string(path.bytes)
      writer.string(slot.bytes)
    case .removeFolder(let path, let was):
      writer.number(5)
      writer.string(path.bytes)
      for value in [was.permissions, was.owner, was.group] { writer.number(UInt64(value)) }
    case .setAttributes(let path, let before, let after):
      writer.number(6)
      writer.string(path.bytes)
      for value in [before, after] {
        writer.number(UInt64(value.permissions))
        writer.signed(value.modified)
      }
    }
  }

  fileprivate init(from reader: inout ByteReader) throws(ByteReader.Damaged) {
    switch try reader.number() {
    case 1: self = .exchangeFolder(staged: try reader.number())
    case 2: self = .moveIn(slot: try reader.path(), path: try reader.path(), staged: try reader.number())
    case 3: self = .exchange(slot: try reader.path(), path: try reader.path(), staged: try reader.number())
    case 4: self = .moveOut(path: try reader.path(), slot: try reader.path())
    case 5:
      let path = try reader.path()
      let permissions = try reader.word()
      self = .removeFolder(
        path: path,
        was: FolderAttributes(permissions: permissions, owner: try reader.word(), group: try reader.word()))
    case 6:
      let path = try reader.path()
      let before = FileAttributes(permissions: try reader.word(), modified: try reader.signed())
      self = .setAttributes(
        path: path, before: before,
        after: FileAttributes(permissions: try reader.word(), modified: try reader.signed()))
    case 7: self = .placeFolder(staged: try reader.number())
    default: throw ByteReader.Damaged()
    }
  }
}

extension ByteReader {
  fileprivate mutating func word() throws(Damaged) -> UInt32 { UInt32(truncatingIfNeeded: try number()) }
}
