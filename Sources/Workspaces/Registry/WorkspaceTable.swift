import BerthProtocol
import JSON

/// All workspaces, in memory, by everything that they are found by.
struct WorkspaceTable {
  private var records: [String: WorkspaceRecord] = [:]
  /// How many bytes of JSON the metadata of each takes.
  private var metadataBytes: [String: Int] = [:]
  private var idsByKey: [String: String] = [:]
  private var idsBySlug: [String: String] = [:]
  /// Every id, sorted; ids sort by the time at which they were made.
  private(set) var ids: [String] = []
  /// How many are not deleted.
  private(set) var livingCount = 0

  subscript(id: String) -> WorkspaceRecord? { records[id] }

  var all: some Sequence<WorkspaceRecord> { records.values }

  /// Those that are not deleted.
  var living: some Sequence<WorkspaceRecord> { records.values.lazy.filter { $0.state != .deleted } }

  /// Adds a workspace, or puts it in the place of the one of its id.
  mutating func put(_ record: WorkspaceRecord) {
    if let before = records[record.id] {
      forgetNames(of: before)
    } else {
      ids.insert(record.id, at: place(of: record.id))
    }
    if records[record.id]?.metadata != record.metadata {
      metadataBytes[record.id] = record.metadata.isEmpty ? nil : record.metadata.jsonBytes().count
    }
    records[record.id] = record
    guard record.state != .deleted else { return }
    livingCount += 1
    if let key = record.key { idsByKey[key] = record.id }
    idsBySlug[record.slug] = record.id
  }

  mutating func remove(_ id: String) {
    guard let before = records.removeValue(forKey: id) else { return }
    forgetNames(of: before)
    metadataBytes[id] = nil
    ids.remove(at: place(of: id))
  }

  /// The workspace that a reference means: by its id (a deleted one too), then among the living by key, then by slug.
  func find(_ reference: String) -> WorkspaceRecord? {
    if let record = records[reference] { return record }
    guard let id = idsByKey[reference] ?? idsBySlug[reference] else { return nil }
    return records[id]
  }

  /// The workspace deleted last that had this key, or else this slug.
  func findDeleted(_ reference: String) -> WorkspaceRecord? {
    let deleted = records.values.lazy.filter { $0.state == .deleted }
    func latest(_ matches: (WorkspaceRecord) -> Bool) -> WorkspaceRecord? {
      deleted.filter(matches).max { ($0.deletion?.at ?? "", $0.id) < ($1.deletion?.at ?? "", $1.id) }
    }
    return latest { $0.key == reference } ?? latest { $0.slug == reference }
  }

  /// The living workspace that has this key.
  func holder(ofKey key: String) -> WorkspaceRecord? { idsByKey[key].flatMap { records[$0] } }

  /// Whether a living workspace other than that one has the slug.
  func isSlugTaken(_ slug: String, except id: String? = nil) -> Bool {
    guard let holder = idsBySlug[slug] else { return false }
    return holder != id
  }

  /// About how many bytes a workspace takes in a list.
  func weight(of id: String) -> Int { 1024 + (metadataBytes[id] ?? 0) }

  /// The position in `ids` of the first id that comes after that one.
  func index(after id: String) -> Int {
    let index = place(of: id)
    return index < ids.count && ids[index] == id ? index + 1 : index
  }

  private mutating func forgetNames(of record: WorkspaceRecord) {
    guard record.state != .deleted else { return }
    livingCount -= 1
    if let key = record.key { idsByKey[key] = nil }
    idsBySlug[record.slug] = nil
  }

  /// Where an id stands in `ids`, or would stand.
  private func place(of id: String) -> Int {
    var low = 0
    var high = ids.count
    while low < high {
      let middle = (low + high) / 2
      if ids[middle] < id { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
