import Platform
import Testing

struct IdentifierTests {
  @Test func `Ids are distinct and strictly ascending`() {
    let ids = (0..<100_000).map { _ in Identifier.make("ws") }
    #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
    #expect(ids.allSatisfy { $0.hasPrefix("ws_") && $0.utf8.count == 29 })
  }

  @Test func `Ids from many threads are distinct`() async {
    let ids = await withTaskGroup(of: [String].self) { group in
      for _ in 0..<8 { group.addTask { (0..<5_000).map { _ in Identifier.make("run") } } }
      return await group.reduce(into: Set<String>()) { $0.formUnion($1) }
    }
    #expect(ids.count == 40_000)
  }

  @Test func `An id is a UUID of version 7`() throws {
    let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz")
    let before = Timestamp.nanosecondsNow() / 1_000_000
    let value = try Identifier.make("x").dropFirst(2).reduce(UInt128(0)) { total, character in
      total << 5 | UInt128(try #require(alphabet.firstIndex(of: character)))
    }
    #expect(value >> 76 & 0xF == 7)
    #expect(value >> 62 & 0x3 == 2)
    // Ids made in one millisecond by other tests may have pushed the time on a little.
    #expect(Int64(value >> 80) >= before && Int64(value >> 80) < before + 10_000)
  }
}
