/// What a row must reach.
enum Target {
  /// The ratio to what stands beside it.
  case ratioAtLeast(Double)
  case ratioAtMost(Double)
  /// The figure itself.
  case atLeast(Figure)
  case atMost(Figure)
  /// How far it may be above what stands beside it.
  case aboveAtMost(Figure)

  var text: String {
    switch self {
    case .ratioAtLeast(let ratio): "≥ \(ratio.short)×"
    case .ratioAtMost(let ratio): "≤ \(ratio.short)×"
    case .atLeast(let figure): "≥ \(figure.text)"
    case .atMost(let figure): "≤ \(figure.text)"
    case .aboveAtMost(let figure): "≤ its + \(figure.text)"
    }
  }

  /// Nil where there is nothing to compare with.
  func isMet(by figure: Figure, beside: Figure?, ratio: Double?) -> Bool? {
    switch self {
    case .ratioAtLeast(let target): ratio.map { $0 >= target }
    case .ratioAtMost(let target): ratio.map { $0 <= target }
    case .atLeast(let target): figure.value >= target.value
    case .atMost(let target): figure.value <= target.value
    case .aboveAtMost(let target): beside.map { figure.value <= $0.value + target.value }
    }
  }
}
