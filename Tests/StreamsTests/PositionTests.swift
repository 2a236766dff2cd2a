import Testing

@testable import Streams

@Suite struct PositionTests {
  @Test func `A cursor has 17 characters and gives back its position`() {
    for position in [
      StreamPosition(high: 0, low: 0), StreamPosition(high: 1, low: 1), StreamPosition(high: 7, low: (1 << 40) - 1),
      StreamPosition(high: (1 << 45) - 1, low: 12_345_678),
    ] {
      #expect(position.cursor.utf8.count == StreamPosition.cursorLength)
      #expect(StreamPosition(cursor: position.cursor) == position)
    }
  }

  @Test func `The alphabetical order of cursors is the order of positions`() {
    var positions: [StreamPosition] = []
    for high in [0, 1, 31, 32, 1 << 20] as [UInt64] {
      for low in [0, 1, 9, 10, 31, 32, 33, 1023, 1024, 1 << 30] as [UInt64] {
        positions.append(StreamPosition(high: high, low: low))
      }
    }
    #expect(positions == positions.sorted())
    #expect(positions.map(\.cursor) == positions.map(\.cursor).sorted())
  }

  @Test(arguments: [
    "", "0", "00000000000000000x", "0000000000000000", "0000000000000000I", "0000000000000000u", "ümlautümlautüm",
  ])
  func `What is no cursor gives no position`(text: String) {
    #expect(StreamPosition(cursor: text) == nil)
  }

  @Test func `A filter takes whole types and beginnings`() {
    let filter = TypeFilter(["job.*", "log.line"])
    #expect(filter.matches("job.created"))
    #expect(filter.matches("job."))
    #expect(filter.matches("log.line"))
    #expect(!filter.matches("log.lines"))
    #expect(!filter.matches("job"))
    #expect(!filter.matches("a.job.created"))
    #expect(TypeFilter(["*"]).matches("anything"))
  }
}
