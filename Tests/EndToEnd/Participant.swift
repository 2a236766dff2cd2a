import JSON
import Platform
import TestSupport

/// One of several clients of a workspace: it writes files, and tells what it has seen.
///
/// Some of them speak the protocol themselves. The others are programs that use a typed client: they take the path of a
/// file to write as a line, and tell in lines of JSON what they have written and seen.
final class Participant {
  enum Kind: String, Sendable, CaseIterable {
    case stdio, otherStdio, socket, shell, python, typescript
  }

  /// The key of the workspace that all work on.
  static let workspace = "shop"

  let name: String
  let wire: Wire
  private let isProgram: Bool
  private var written: Set<String> = []
  private var seen: Set<String> = []
  private(set) var failures: [JSONValue] = []

  init(_ kind: Kind, home: Home) throws {
    name = kind.rawValue
    isProgram = kind == .python || kind == .typescript
    switch kind {
    case .stdio, .otherStdio: wire = try Wire(.stdio, .contentLength, home: home)
    case .socket: wire = try Wire(.socket, .contentLength, home: home)
    case .shell: wire = try Wire(.lines, program: "/bin/sh", ["-c", Programs.shell, "sh", home.socket])
    case .python: wire = try Self.start(Programs.python, home)
    case .typescript: wire = try Self.start(Programs.typescript(), home)
    }
    if !isProgram { try wire.initialize() }
  }

  private static func start(_ program: [String], _ home: Home) throws -> Wire {
    try Wire(.lines, program: "/usr/bin/env", program + [home.path, workspace])
  }

  /// Makes the workspace.
  func create(_ path: String) throws {
    try request("create", "workspace/create", ["path": .string(path), "key": .string(Self.workspace)])
    try hasWritten(["create"])
  }

  /// Begins to look at the workspace.
  func join() throws {
    if isProgram { return try hasWritten([""]) }
    try request("watch", "file/watch", ["workspace": .string(Self.workspace), "debounceMs": 0])
    try request("events", "stream/attach", ["stream": "events", "types": ["workspace.updated"]])
    try hasWritten(["watch", "events"])
  }

  /// Gives the workspace another name.
  func rename(_ name: String) throws {
    try request(name, "workspace/update", ["workspace": .string(Self.workspace), "name": .string(name)])
  }

  func request(_ id: String, _ method: String, _ params: JSONValue) throws {
    try wire.send(
      (["jsonrpc": "2.0", "id": .string(id), "method": .string(method), "params": params] as JSONValue).jsonString)
  }

  /// Begins to write a file.
  func write(_ path: String) throws {
    if isProgram { return try wire.send(path) }
    try request(
      path, "file/write", ["workspace": .string(Self.workspace), "path": .string(path), "content": .string(name)])
  }

  /// Waits until its own files are written, and what else it asked for is answered.
  func hasWritten(_ paths: [String]) throws {
    try take { written.isSuperset(of: paths) }
  }

  /// Waits until it has been told of all of these, files or names of the workspace.
  func hasSeen(_ names: [String]) throws {
    try take { seen.isSuperset(of: names) }
  }

  private func take(until isDone: () -> Bool) throws {
    while !isDone() {
      guard let message = try wire.next() else {
        throw DeadlinePassed(description: "\(name) is told nothing more; it has seen \(seen.sorted())")
      }
      if let error = message["error"] { failures.append(error) }
      if let id = (message["wrote"] ?? message["id"])?.stringValue { written.insert(id) }
      if let name = message["saw"]?.stringValue { seen.insert(name) }
      for event in message["params"]?["events"]?.arrayValue ?? [] {
        let member = event["type"] == "workspace.updated" ? "name" : "path"
        if let name = event["payload"]?[member]?.stringValue { seen.insert(name) }
      }
    }
  }
}
