internal import Glibc

/// The environment of this process.
package enum ProcessEnvironment {
  package static let current: [(name: String, value: String)] = {
    var values: [(String, String)] = []
    var next = environ
    while let entry = next.pointee {
      let text = String(cString: entry)
      if let sign = text.firstIndex(of: "=") {
        values.append((String(text[..<sign]), String(text[text.index(after: sign)...])))
      }
      next += 1
    }
    return values
  }()
}
