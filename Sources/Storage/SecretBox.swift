import Crypto
import Foundation
package import Platform

/// Encrypts what must not be read in the database: AES-256-GCM, with a key that lies in a file of the home's.
package struct SecretBox: Sendable {
  private let key: SymmetricKey

  /// - Parameter path: The key's file, mode 0600; it is made where it is missing.
  package init(keyFile path: String) throws(SystemError) {
    if let bytes = try SmallFile.read(path), bytes.count == 32 {
      key = SymmetricKey(data: bytes)
    } else {
      key = SymmetricKey(size: .bits256)
      try SmallFile.replace(path, with: key.withUnsafeBytes { Array($0) })
    }
  }

  /// - Parameter context: What the text belongs to. It opens with the same one only.
  package func seal(_ text: [UInt8], context: String) throws -> [UInt8] {
    let box = try AES.GCM.seal(text, using: key, authenticating: Array(context.utf8))
    return Array(box.combined ?? Data())
  }

  /// - Throws: Where the key is another one, or the bytes were changed.
  package func open(_ bytes: [UInt8], context: String) throws -> [UInt8] {
    Array(try AES.GCM.open(try AES.GCM.SealedBox(combined: bytes), using: key, authenticating: Array(context.utf8)))
  }
}
