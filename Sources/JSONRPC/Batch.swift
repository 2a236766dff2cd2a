/// The answers of a batch, gathered until the last one is there (JSON-RPC 2.0 §6). Confined to the event loop.
final class Batch {
  private var answers: [[UInt8]?] = []
  private var missing = 0
  private var isComplete = false

  /// Makes room for one more answer, in the order of the requests.
  func reserve() -> Int {
    answers.append(nil)
    missing += 1
    return answers.count - 1
  }

  func fill(_ slot: Int, _ answer: [UInt8]) {
    answers[slot] = answer
    missing -= 1
  }

  /// Tells that every request has its place. Until then the batch is not done, however many answers are there.
  func complete() {
    isComplete = true
  }

  /// The whole answer, once all are there; nil before, and for a batch of notifications.
  var text: [UInt8]? {
    guard isComplete, missing == 0, !answers.isEmpty else { return nil }
    let parts = answers.compactMap { $0 }
    var text: [UInt8] = []
    text.reserveCapacity(parts.reduce(2) { $0 + $1.count + 1 })
    text.append(UInt8(ascii: "["))
    text.append(contentsOf: parts.joined(separator: CollectionOfOne(UInt8(ascii: ","))))
    text.append(UInt8(ascii: "]"))
    return text
  }
}
