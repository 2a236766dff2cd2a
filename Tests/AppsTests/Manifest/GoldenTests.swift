import Foundation
import Testing

@testable import Apps

/// What is told of manifests that are wrong, to the letter. `BERTH_RECORD=1` writes what is told now.
@Suite struct GoldenTests {
  @Test(arguments: Fixture.all("wrong"))
  func wrongManifestsAreToldWhole(fixture: Fixture) throws {
    let reading = try fixture.read()
    #expect(reading.manifest == nil)
    let golden = fixture.url.appendingPathExtension("txt")
    let told = reading.rendered(file: fixture.name)
    if ProcessInfo.processInfo.environment["BERTH_RECORD"] != nil { try Data(told.utf8).write(to: golden) }
    #expect(told == (try String(contentsOf: golden, encoding: .utf8)))
  }
}
