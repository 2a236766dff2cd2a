internal import CatalogData

/// The catalog that is compiled in.
package enum Catalog {
  /// Its files, as they are in the sources.
  package static var sources: [CatalogSource] {
    let files = UnsafeBufferPointer(start: catalogFiles, count: Int(berth_catalog_file_count))
    return files.map { file in
      CatalogSource(
        name: String(cString: file.name),
        bytes: Array(UnsafeBufferPointer(start: file.bytes, count: Int(file.length))))
    }
  }

  /// - Throws: `CatalogFaults`, which only a change of the files can bring.
  package static func builtIn() throws(CatalogFaults) -> CatalogFile {
    try CatalogFile().adding(sources)
  }

  private static var catalogFiles: UnsafePointer<berth_catalog_file> { berth_catalog_table() }
}
