package import JSON
package import Platform

/// What a running server writes into its home's lock file, for those who look for it.
package struct ServerRecord: Sendable, JSONEncodable {
  package let pid: Int
  package let version: String
  /// Empty for a server without one: `berth serve --stdio --in-process`.
  package let socket: String
  package let instanceID: String

  package init(pid: Int, version: String, socket: String, instanceID: String) {
    self.pid = pid
    self.version = version
    self.socket = socket
    self.instanceID = instanceID
  }

  /// The record of a home; nil where there is none. It is true only as long as the home's lock is held.
  package init?(home: Home) {
    guard let json = try? JSONParser.parse(LockFile.contents(home.lock)), let pid = json["pid"]?.intValue,
      let version = json["version"]?.stringValue, let socket = json["socket"]?.stringValue
    else { return nil }
    self.init(pid: pid, version: version, socket: socket, instanceID: json["instanceId"]?.stringValue ?? "")
  }

  package func encode(into writer: inout JSONWriter) {
    let json: JSONValue = [
      "pid": .integer(pid), "version": .string(version), "socket": .string(socket), "instanceId": .string(instanceID),
    ]
    json.encode(into: &writer)
  }
}
