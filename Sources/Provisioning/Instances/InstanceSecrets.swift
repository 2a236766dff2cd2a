import Foundation
import BerthProtocol
import GRDB
import JSON
import Storage

/// Passwords and keys of instances. They lie encrypted in the database, and are opened only to log in.
struct InstanceSecrets: Sendable {
  let box: SecretBox

  /// Values by name; nil for one that is to be removed.
  typealias Patch = [InstanceSecretName: String]

  /// Reads a merge patch. Null becomes the empty text, which removes a value.
  ///
  /// - Throws: `invalid_argument`. The message never holds a value.
  static func decode(_ json: JSONObject?) throws -> Patch {
    var patch: Patch = [:]
    for member in json?.members ?? [] {
      guard let name = InstanceSecretName(rawValue: member.key) else {
        let known = InstanceSecretName.allCases.map(\.rawValue).joined(separator: ", ")
        throw ProtocolError(
          .invalidArgument, "There is no secret “\(member.key.prefix(64))” of an instance, but: \(known).")
      }
      guard member.value == .null || member.value.stringValue != nil,
        (member.value.stringValue ?? "").utf8.count <= 65536
      else {
        throw ProtocolError(
          .invalidArgument, "The secret \(name.rawValue) must be a text of at most 65536 bytes, or null.")
      }
      patch[name] = member.value.stringValue ?? ""
    }
    return patch
  }

  func apply(_ patch: Patch, to instance: String, in db: GRDB.Database) throws {
    for (name, value) in patch {
      if value.isEmpty {
        try db.execute(
          sql: "DELETE FROM instance_secrets WHERE instance = ? AND name = ?", arguments: [instance, name.rawValue])
      } else {
        let sealed = try box.seal(Array(value.utf8), context: Self.context(instance, name))
        try db.execute(
          sql: "INSERT OR REPLACE INTO instance_secrets VALUES (?, ?, ?)",
          arguments: [instance, name.rawValue, Data(sealed)])
      }
    }
  }

  func names(of instance: String, in db: GRDB.Database) throws -> [InstanceSecretName] {
    let names = try String.fetchSet(
      db, sql: "SELECT name FROM instance_secrets WHERE instance = ?", arguments: [instance])
    return InstanceSecretName.allCases.filter { names.contains($0.rawValue) }
  }

  /// - Throws: Where the home's key is not the one that they were encrypted with.
  func open(of instance: String, in db: GRDB.Database) throws -> [InstanceSecretName: String] {
    var values: [InstanceSecretName: String] = [:]
    let sql = "SELECT name, sealed FROM instance_secrets WHERE instance = ?"
    for row in try Row.fetchAll(db, sql: sql, arguments: [instance]) {
      guard let name = InstanceSecretName(rawValue: row[0]) else { continue }
      do {
        let bytes = try box.open(Array(row[1] as Data), context: Self.context(instance, name))
        values[name] = String(decoding: bytes, as: UTF8.self)
      } catch {
        throw ProtocolError(
          .keyUnusable,
          "The \(name.rawValue) of the instance can't be decrypted: the home's secret.key is another one. Give it again "
            + "with `instance/update`.")
      }
    }
    return values
  }

  private static func context(_ instance: String, _ name: InstanceSecretName) -> String {
    "instance/\(instance)/\(name.rawValue)"
  }
}
