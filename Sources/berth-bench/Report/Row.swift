/// One line of the report: a figure, and what stands beside it.
struct Row {
  /// What was measured.
  let what: String
  /// Berth's.
  var figure: Figure
  /// The peer's name, or what else it is compared with.
  var beside: String?
  /// The peer's; nil where the peer is not on this machine.
  var besideFigure: Figure?
  /// Berth's figure by the peer's.
  var ratio: Double?
  var target: Target?

  var isMet: Bool? { target?.isMet(by: figure, beside: besideFigure, ratio: ratio) }

  /// A figure that stands alone.
  init(_ what: String, _ figure: Figure, target: Target? = nil) {
    (self.what, self.figure, self.target) = (what, figure, target)
  }

  /// A figure beside a peer's, from the same rounds.
  init(
    _ what: String, _ own: Series, beside name: String, _ peer: Series?, target: Target? = nil,
    figure: (Double) -> Figure
  ) {
    self.init(what, figure(own.median), target: target)
    beside = name
    besideFigure = peer.map { figure($0.median) }
    ratio = peer.map { own.ratio(to: $0) }
  }
}
