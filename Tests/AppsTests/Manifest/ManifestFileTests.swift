import Documents
import Foundation
import Platform
import Testing

@testable import Apps

@Suite final class ManifestFileTests {
  private let folder = FileManager.default.temporaryDirectory.appending(path: "manifest-\(UUID())")

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
  }

  private func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: folder.appending(path: name))
  }

  private func read() throws -> (name: FileName, reading: ManifestReading)? {
    try ManifestFile.read(in: try Directory(path: folder.path))
  }

  @Test func aFolderWithoutAManifestHasNone() throws {
    #expect(try read() == nil)
  }

  @Test func theFirstNameCountsAndTheOthersAreTold() throws {
    try write("app.runtime.json", #"{"app_id": "json", "start": "x"}"#)
    #expect(try read()?.reading.manifest?.id == "json")
    try write("app.runtime.yaml", "app_id: yaml\nstart: x\n")
    let (name, reading) = try #require(try read())
    #expect(name == "app.runtime.yaml")
    #expect(reading.manifest?.id == "yaml")
    #expect(reading.findings.map(\.code) == [.ignoredFile])
  }

  @Test func whatIsNoFileIsRefused() throws {
    try FileManager.default.createSymbolicLink(
      at: folder.appending(path: "app.runtime.yml"), withDestinationURL: URL(filePath: "/etc/passwd"))
    #expect(throws: DocumentFileFault.self) { try self.read() }
    try FileManager.default.createDirectory(
      at: folder.appending(path: "app.runtime.yaml"), withIntermediateDirectories: true)
    #expect(throws: DocumentFileFault.self) { try self.read() }
    try FileManager.default.removeItem(at: folder.appending(path: "app.runtime.yaml"))
    try write("app.runtime.yaml", String(repeating: "#", count: Document.Limit.bytes + 1))
    #expect(throws: DocumentFileFault.self) { try self.read() }
  }
}
