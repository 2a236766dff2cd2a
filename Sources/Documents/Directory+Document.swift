package import Platform

/// Why a file that should hold a document was not read.
package struct DocumentFileFault: Error, Sendable, Hashable {
  /// In words that follow the file's name: "is a folder".
  package let message: String
}

extension Directory {
  /// What a document's file in this folder holds; nil where there is none.
  ///
  /// - Throws: `DocumentFileFault` for what is no file or too large, else `SystemError`.
  package func readDocument(_ name: FileName) throws -> [UInt8]? {
    let file: OwnedDescriptor
    do throws(SystemError) {
      // Non-blocking: a pipe of that name would be waited for.
      file = try open(name, [.read, .nonBlocking])
    } catch {
      if error.errno == SystemError.Code.notFound { return nil }
      if error.errno == SystemError.Code.tooManyLinks {
        throw DocumentFileFault(message: "is a link, and must be a file")
      }
      throw error
    }
    let status = try file.status()
    guard status.kind == .file else { throw DocumentFileFault(message: "is not a file") }
    guard status.size <= Document.Limit.bytes else {
      throw DocumentFileFault(message: "is larger than \(Document.Limit.bytes) bytes")
    }
    var bytes = [UInt8](repeating: 0, count: Int(status.size))
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    return Array(bytes[..<count])
  }
}
