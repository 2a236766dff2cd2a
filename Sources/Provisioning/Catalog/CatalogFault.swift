package import Documents

/// What is wrong with a file of the catalog.
package struct CatalogFault: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file's name, as whoever reads this knows it.
  package var file: String
  package var place: DocumentPlace
  /// What is wrong, in words.
  package var message: String

  package init(file: String, place: DocumentPlace, message: String) {
    self.file = file
    self.place = place
    self.message = message
  }

  /// As a compiler tells it.
  package var description: String { "\(file):\(place.line):\(place.column): \(message)" }
}

/// All that is wrong, in the order of the files and of their texts.
package struct CatalogFaults: Error, Sendable, Hashable, CustomStringConvertible {
  package var faults: [CatalogFault]

  package var description: String { faults.map(\.description).joined(separator: "\n") }
}
