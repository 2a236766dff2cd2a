/// The answers of a batch, gathered until the last one is there (JSON-RPC 2.0 §6). Confined to the event loop.
///
/// Together they are one message, and no longer than one may be: an answer that has no room any more is refused.
final class Batch {
  private let maximumBytes: Int
  /// Each answer; before it is there, what stands in its place where it has no room.
  private var answers: [[UInt8]] = []
  private var missing = 0
  private var isComplete = false
  /// How long the whole answer is, with all that are missing refused.
  private var bytes = 2

  init(maximumBytes: Int) {
    self.maximumBytes = maximumBytes
  }

  /// Makes room for one more answer, in the order of the requests.
  ///
  /// - Parameter refusal: What is answered where the answer has no room. It always has.
  func reserve(refusal: [UInt8]) -> Int {
    answers.append(refusal)
    bytes += refusal.count + 1
    missing += 1
    return answers.count - 1
  }

  func fill(_ slot: Int, _ answer: [UInt8]) {
    missing -= 1
    let growth = answer.count - answers[slot].count
    guard growth <= 0 || bytes + growth <= maximumBytes else { return }
    bytes += growth
    answers[slot] = answer
  }

  /// Tells that every request has its place. Until then the batch is not done, however many answers are there.
  func complete() {
    isComplete = true
  }

  /// The whole answer, once all are there; nil before, and for a batch of notifications.
  var text: [UInt8]? {
    guard isComplete, missing == 0, !answers.isEmpty else { return nil }
    var text: [UInt8] = []
    text.reserveCapacity(bytes)
    text.append(UInt8(ascii: "["))
    text.append(contentsOf: answers.joined(separator: CollectionOfOne(UInt8(ascii: ","))))
    text.append(UInt8(ascii: "]"))
    return text
  }
}
