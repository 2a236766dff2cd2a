internal import BerthProtocol
internal import JSON

/// How much a template or archive may still bring along. It is drawn on while the content comes in, so that a bomb is
/// stopped at its first bytes over the limit.
struct ContentBudget {
  let limits: TemplatesConfig
  /// What a refusal is called.
  let refusal: @Sendable (_ reason: String, _ entry: String?) -> ProtocolError
  private(set) var entries = 0
  private(set) var bytes: Int64 = 0

  /// Below this many unpacked bytes the ratio says nothing.
  private static let ratioFrom: Int64 = 1 << 20

  init(
    _ limits: TemplatesConfig,
    refusal: @escaping @Sendable (_ reason: String, _ entry: String?) -> ProtocolError = ProtocolError.templateRejected
  ) {
    self.limits = limits
    self.refusal = refusal
  }

  /// Counts one more file, folder or link.
  mutating func addEntry(_ name: @autoclosure () -> String) throws {
    entries += 1
    if entries > limits.maxFiles {
      throw refusal("there are more than \(limits.maxFiles) entries (`templates.maxFiles`)", name())
    }
  }

  /// Counts content.
  ///
  /// - Parameter packed: How many packed bytes all of it so far has come from; nil where it was not packed.
  mutating func add(bytes count: Int64, packed: Int64? = nil, of name: @autoclosure () -> String) throws {
    let (sum, overflow) = bytes.addingReportingOverflow(count)
    bytes = overflow ? .max : sum
    if bytes > Int64(limits.maxBytes) {
      throw refusal("the content is over \(limits.maxBytes) bytes (`templates.maxBytes`)", name())
    }
    if let packed, bytes > Self.ratioFrom, Double(bytes) > Double(max(1, packed)) * limits.maxRatio {
      throw refusal("it unpacks to more than \(limits.maxRatio) times its size (`templates.maxRatio`)", name())
    }
  }
}

extension ProtocolError {
  /// The refusal of a template's content.
  @Sendable static func templateRejected(_ reason: String, _ entry: String?) -> ProtocolError {
    guard let entry else {
      return ProtocolError(.templateInvalid, "The template was not taken: \(reason).", detail: reason)
    }
    return ProtocolError(
      .templateInvalid, "The template was not taken: its entry `\(entry)` was refused: \(reason).",
      detail: "\(entry): \(reason)", extra: ["entry": .string(entry)])
  }
}
