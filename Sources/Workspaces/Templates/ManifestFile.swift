internal import BerthProtocol
internal import Documents
internal import JSON
internal import Platform

/// `berth.template.yaml`, which a template may hold at its top.
enum ManifestFile {
  static let name: FileName = "berth.template.yaml"

  /// Reads the manifest of the template in that folder; an empty one where it has none.
  ///
  /// - Throws: `template_invalid` with every fault.
  static func read(in folder: Directory) throws -> TemplateManifest {
    do {
      guard let bytes = try folder.readDocument(name) else { return TemplateManifest() }
      return try parse(bytes)
    } catch let error as DocumentFileFault {
      throw ProtocolError.manifestInvalid([fault(error.message)])
    }
  }

  /// Reads a manifest's text.
  static func parse(_ bytes: [UInt8]) throws -> TemplateManifest {
    let document = Document(bytes, format: .yaml)
    guard document.faults.isEmpty else {
      throw ProtocolError.manifestInvalid(
        document.faults.map { fault("line \($0.place.line), column \($0.place.column): \($0.message)") })
    }
    guard let root = document.root, !root.isNull else { return TemplateManifest() }
    do throws(DecodingFaults) {
      return try Decoding.decode(TemplateManifest.self, from: root.jsonValue)
    } catch {
      throw ProtocolError.manifestInvalid(error.faults.map(Fault.init))
    }
  }

  private static func fault(_ message: String) -> Fault {
    Fault(loc: [], msg: message, type: "manifest")
  }
}
