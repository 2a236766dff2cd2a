import BerthProtocol
import GRDB
import JSON

/// A connection as the database keeps it, with what is needed to go on with its work after a cut.
struct ConnectionRow: Sendable {
  var connection: ResourceConnection
  var work = ConnectionWork()

  /// The names of both ends are those of today.
  private static let columns = """
    connection, work, (SELECT name FROM resources WHERE id = source), (SELECT name FROM resources WHERE id = target)
    """

  init(_ connection: ResourceConnection) {
    self.connection = connection
  }

  private init(_ row: Row) throws {
    connection = try ResourceConnection(column: row[0] as String)
    work = try ConnectionWork(column: row[1] as String)
    if let name = row[2] as String? { connection.sourceName = name }
    if let name = row[3] as String? { connection.targetName = name }
  }

  static func find(_ id: String, in db: GRDB.Database) throws -> ConnectionRow? {
    let statement = try db.cachedStatement(sql: "SELECT \(columns) FROM connections WHERE id = ?")
    return try Row.fetchOne(statement, arguments: [id]).map { try ConnectionRow($0) }
  }

  /// - Throws: `connection_not_found`.
  static func fetch(_ id: String, in db: GRDB.Database) throws -> ConnectionRow {
    if let row = try find(id, in: db) { return row }
    throw ProtocolError(.connectionNotFound, "There is no connection \(id). `connection/list` tells which there are.")
  }

  /// Those of a resource, whichever end it is; what was disconnected is left out.
  static func of(_ resource: String, in db: GRDB.Database) throws -> [ConnectionRow] {
    let sql = """
      SELECT \(columns) FROM connections WHERE (source = ?1 OR target = ?1) AND status <> 'disconnected' ORDER BY id
      """
    return try Row.fetchAll(db.cachedStatement(sql: sql), arguments: [resource]).map { try ConnectionRow($0) }
  }

  static func between(_ source: String, _ target: String, in db: GRDB.Database) throws -> ConnectionRow? {
    let sql = "SELECT \(columns) FROM connections WHERE source = ? AND target = ? AND status <> 'disconnected'"
    return try Row.fetchOne(db.cachedStatement(sql: sql), arguments: [source, target]).map { try ConnectionRow($0) }
  }

  static func fetchAll(
    where condition: String, _ arguments: StatementArguments, in db: GRDB.Database
  ) throws -> [ConnectionRow] {
    try Row.fetchAll(db, sql: "SELECT \(columns) FROM connections WHERE \(condition)", arguments: arguments)
      .map { try ConnectionRow($0) }
  }

  func save(in db: GRDB.Database) throws {
    let statement = try db.cachedStatement(
      sql: """
        INSERT INTO connections VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
        status = excluded.status, activity = excluded.activity, connection = excluded.connection, work = excluded.work
        """)
    try statement.execute(
      arguments: [
        connection.id, connection.sourceResourceId, connection.targetResourceId, connection.status.rawValue,
        connection.activity?.rawValue, connection.jsonString, work.jsonString,
      ])
  }
}

/// What a server that takes a connection's work over must know.
struct ConnectionWork: Sendable, Hashable, JSONCodable {
  /// The step that was begun on the machine and has not been told to have ended: found there by this word.
  var attempt: String?
  /// The step that ended on the machine without a word, so that what it did is not recorded yet.
  var unfinished: String?
  /// What was being done when it failed: what trying again goes on with.
  var failed: ConnectionActivity?
  /// What is to be removed once the rest is done: what an update replaces.
  var obsolete: [ConnectionPart] = []
  /// Whether the connection is to be forgotten even where removing fails.
  var isForced = false

  /// Whether all that was begun on the machine has told how it ended.
  var isSettled: Bool { attempt == nil && unfinished == nil }

  init() {}

  init?(_ json: JSONValue, decoding: inout Decoding) {
    attempt = json["attempt"]?.stringValue
    unfinished = json["unfinished"]?.stringValue
    failed = json["failed"]?.stringValue.flatMap(ConnectionActivity.init)
    isForced = json["forced"] == .bool(true)
    for part in json["obsolete"]?.arrayValue ?? [] {
      guard let part = ConnectionPart(part, decoding: &decoding) else { return nil }
      obsolete.append(part)
    }
  }

  func encode(into writer: inout JSONWriter) {
    var json: JSONObject = ["forced": .bool(isForced), "obsolete": .array(obsolete.map { $0.jsonValue() })]
    if let attempt { json["attempt"] = .string(attempt) }
    if let unfinished { json["unfinished"] = .string(unfinished) }
    if let failed { json["failed"] = .string(failed.rawValue) }
    json.encode(into: &writer)
  }
}

extension ConnectionPart {
  /// Takes in what a script has recorded.
  mutating func add(_ records: RemoteRecords) {
    func merge(_ known: inout [String], _ new: [String]) {
      for value in new where !known.contains(value) { known.append(value) }
    }
    merge(&uses, records.values("uses-package"))
    merge(&changes.packages, records.values("package"))
    merge(&changes.paths, records.values("path"))
    merge(&changes.users, records.values("user"))
    merge(&changes.groups, records.values("group"))
  }
}

extension ConnectionChanges {
  static let none = ConnectionChanges(packages: [], paths: [], users: [], groups: [])
  var isEmpty: Bool { self == .none }

  /// How much it is, for people.
  var summary: String {
    func count(_ values: [String], _ word: String) -> String? {
      values.isEmpty ? nil : "\(values.count) \(word)\(values.count == 1 ? "" : "s")"
    }
    let told = [count(packages, "package"), count(paths, "path"), count(users + groups, "account")].compactMap { $0 }
    return told.isEmpty ? "nothing" : told.joined(separator: ", ")
  }
}
