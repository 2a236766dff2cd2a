import Synchronization

/// Memory for reading and encoding a piece of a file.
///
/// A few blocks are kept when nobody needs them: taken from the system anew for each piece, their pages would cost as
/// much as the reading.
struct ScratchBlock: ~Copyable {
  private(set) var start: UnsafeMutablePointer<UInt8>
  private(set) var capacity: Int

  /// A block read from a file, and a little more.
  static let usualCapacity = LogLines.blockBytes + 16 << 10
  private static let keptBlocks = 4

  /// The address of a block that nobody uses.
  private struct Spare: @unchecked Sendable {
    // Unchecked: whoever takes it out of the list owns it alone.
    let start: UnsafeMutablePointer<UInt8>
  }

  private static let spares = Mutex<[Spare]>([])

  init() {
    capacity = Self.usualCapacity
    start = Self.spares.withLock { $0.popLast() }?.start ?? .allocate(capacity: Self.usualCapacity)
  }

  deinit {
    let spare = Spare(start: start)
    let isKept =
      capacity == Self.usualCapacity
      && Self.spares.withLock { spares in
        guard spares.count < Self.keptBlocks else { return false }
        spares.append(spare)
        return true
      }
    if !isKept { start.deallocate() }
  }

  /// Makes it larger, to at least so many bytes, of which the first `used` stay.
  mutating func grow(to needed: Int, used: Int) {
    let larger = max(needed, capacity * 2)
    let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
    moved.update(from: start, count: used)
    start.deallocate()
    start = moved
    capacity = larger
  }
}
