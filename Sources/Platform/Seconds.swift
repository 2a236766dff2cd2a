extension Double {
  /// A number of seconds for people: `4 s`, `0.5 s`.
  package var inSeconds: String { Int(exactly: self).map { "\($0) s" } ?? "\(self) s" }
}
