import Foundation
import JSON
import Testing

@testable import Apps

/// A manifest among the fixtures.
struct Fixture: CustomTestStringConvertible {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

  let group: String
  let name: String

  var url: URL { Self.folder.appending(path: "\(group)/\(name)") }
  var bytes: [UInt8] { get throws { Array(try Data(contentsOf: url)) } }
  var testDescription: String { "\(group)/\(name)" }

  func read() throws -> ManifestReading { ManifestFile.read(try bytes, name: name) }

  /// The manifest of a fixture that has no errors.
  func manifest() throws -> Manifest {
    let reading = try read()
    return try #require(reading.manifest, "\(reading.rendered(file: name))")
  }

  static func wild(_ name: String) -> Fixture { Fixture(group: "wild", name: name) }
  static func berth(_ name: String) -> Fixture { Fixture(group: "berth", name: name) }

  static func all(_ group: String) -> [Fixture] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.appending(path: group).path)) ?? []
    return names.filter { !$0.hasSuffix(".txt") }.sorted().map { Fixture(group: group, name: $0) }
  }
}

/// A manifest of some lines, which stands behind what every manifest must have.
func manifest(_ lines: String, outside: String = "app_id: app\nstart: ./run\n") -> ManifestReading {
  ManifestFile.read(Array((outside + lines).utf8), name: "app.runtime.yaml")
}
