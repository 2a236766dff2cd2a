/// Finds the word that was likely meant.
enum LikelyWord {
  /// The word that is nearest to what was written; nil where none is near.
  static func find(for written: String, among words: some Sequence<String>) -> String? {
    let plain = reduce(written)
    guard plain.count <= 64 else { return nil }
    var best: (word: String, distance: Int)?
    for word in words {
      let distance = distance(plain, reduce(word))
      if best.map({ (distance, word) < ($0.distance, $0.word) }) ?? true { best = (word, distance) }
    }
    guard let best, best.distance <= max(1, min(plain.count, best.word.count) / 3) else { return nil }
    return best.word
  }

  /// Without what differs only in manner: capitals, separators, a unit that is spelled out.
  private static func reduce(_ word: String) -> [UInt8] {
    var bytes = word.utf8.filter(\.isWordByte).filter { $0 != UInt8(ascii: "_") }
      .map { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 + 32 : $0 }
    for unit in ["seconds", "secs", "sec"] where bytes.count > unit.utf8.count {
      if bytes.suffix(unit.utf8.count).elementsEqual(unit.utf8) {
        bytes.removeLast(unit.utf8.count)
        bytes.append(UInt8(ascii: "s"))
      }
    }
    return bytes
  }

  /// How many letters must be put in, left out, changed or exchanged with their neighbour.
  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var before: [Int] = []
    var above = Array(0...b.count)
    for row in 1..<(a.count + 1) {
      var current = [row]
      for column in 1..<(b.count + 1) {
        let isEqual = a[row - 1] == b[column - 1]
        var cost = Swift.min(above[column] + 1, current[column - 1] + 1, above[column - 1] + (isEqual ? 0 : 1))
        if row > 1, column > 1, a[row - 1] == b[column - 2], a[row - 2] == b[column - 1] {
          cost = Swift.min(cost, before[column - 2] + 1)
        }
        current.append(cost)
      }
      before = above
      above = current
    }
    return above[b.count]
  }
}
