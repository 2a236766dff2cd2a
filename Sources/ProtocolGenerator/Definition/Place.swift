import Yams

/// Where in the definitions something stands.
struct Place: Hashable {
  var file: String
  var line: Int
}

/// Something wrong with the definitions themselves.
struct DefinitionFault: Error, CustomStringConvertible {
  var place: Place
  var message: String

  var description: String { "\(place.file):\(place.line): \(message)" }
}

/// Everything that is wrong with the definitions.
struct DefinitionFaults: Error, CustomStringConvertible {
  var faults: [DefinitionFault]

  var description: String {
    faults.map(\.description).joined(separator: "\n")
  }
}

/// Gathers what is wrong with the definitions, so that all is told at once.
final class FaultList {
  private(set) var faults: [DefinitionFault] = []

  func add(_ place: Place, _ message: String) {
    faults.append(DefinitionFault(place: place, message: message))
  }

  func throwIfAny() throws {
    if !faults.isEmpty { throw DefinitionFaults(faults: faults) }
  }
}
