internal import Documents

/// The fields at the top of the file. Berth's own stand there or under `berth`, and mean the same in both.
struct RootFields {
  let top: ManifestFields
  private let berth: ManifestFields?

  init(_ top: ManifestFields) {
    self.top = top
    berth = top["berth"]?.fields("root", "a mapping of Berth's own fields")
  }

  /// A field that the file has always had.
  subscript(key: String) -> ManifestValue? { top[key] }

  /// A field of Berth's own.
  func own(_ key: String) -> ManifestValue? {
    let plain = top[key]
    guard let nested = berth?[key] else { return plain }
    guard let plain else { return nested }
    let later = max(plain, nested) { $0.node.place < $1.node.place }
    let fields = later.path == plain.path ? top : berth
    top.findings.error(
      .conflict, "`\(key)` is given at the top and under `berth`; both mean the same, so leave one out", later.path,
      fields?.keyPlace(key) ?? later.node.place)
    return plain
  }

  func close() {
    let old = Set(top.keys)
    berth?.close { key in
      ManifestReader.topOnly.contains(key) && !old.contains(key) ? "`\(key)` belongs at the top of the file" : nil
    }
    top.close()
  }

  private func max(
    _ a: ManifestValue, _ b: ManifestValue, by isBefore: (ManifestValue, ManifestValue) -> Bool
  ) -> ManifestValue {
    isBefore(a, b) ? b : a
  }
}
