import Testing

@testable import SSH

@Suite struct FieldReaderTests {
  @Test func aFieldThatIsCutOffIsNotRead() {
    var reader = FieldReader([0, 0, 0, 5, 1, 2])
    #expect(reader.string() == nil)
    #expect(reader.integer() == 5)
    #expect(reader.integer() == nil)
    var huge = FieldReader([0xff, 0xff, 0xff, 0xff, 1])
    #expect(huge.string() == nil)
  }
}
