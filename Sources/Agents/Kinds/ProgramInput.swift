import Supervisor

/// What a held program is still to be sent. Bytes are written down before they are sent: the next server sends the rest.
struct ProgramInput {
  /// How many bytes were there before those that are left.
  private(set) var offset: Int
  /// What is to be sent.
  private(set) var rest: ArraySlice<UInt8>
  /// Whether the input ends behind them.
  let endsBehind: Bool
  private(set) var isDone = false

  init(offset: Int, _ bytes: [UInt8], endsBehind: Bool) {
    self.offset = offset
    rest = bytes[...]
    self.endsBehind = endsBehind
  }

  mutating func append(_ bytes: some Collection<UInt8>) {
    rest += bytes
  }

  /// Sends as much as the program has room for. Call it again when told that there is room.
  mutating func send(to program: HeldProgram) {
    guard !isDone else { return }
    do throws(ShimError) {
      while !rest.isEmpty {
        switch try program.send(rest, at: offset) {
        case .accepted(let total): skip(to: total)
        case .at(let total):
          // An earlier server has sent more than it could write down.
          guard total > offset, total - offset <= rest.count else { return isDone = true }
          skip(to: total)
        case .full(let total): return skip(to: total)
        }
      }
      if endsBehind {
        _ = try program.endInput(at: offset)
        isDone = true
      }
    } catch {
      // Nobody reads it, or the program has gone: its end tells more.
      isDone = true
    }
  }

  private mutating func skip(to total: Int) {
    rest = rest.dropFirst(total - offset)
    offset = total
  }
}
