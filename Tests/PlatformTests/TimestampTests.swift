import Platform
import Testing

struct TimestampTests {
  @Test(
    "Points in time are written in RFC 3339",
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"),
      (1_795_213_800_123_999_999, "2026-11-20T22:30:00.123Z"),
      (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"),
      (-1, "1969-12-31T23:59:59.999Z"),
      (4_102_444_799_999_000_000, "2099-12-31T23:59:59.999Z"),
    ])
  func writes(_ nanoseconds: Int64, _ text: String) {
    #expect(Timestamp.string(nanosecondsSince1970: nanoseconds) == text)
  }

  @Test(
    "Points in time are read in every form of RFC 3339",
    arguments: [
      ("2026-11-20T22:30:00.123Z", 1_795_213_800_123_000_000),
      ("2026-11-20t22:30:00z", 1_795_213_800_000_000_000),
      ("2026-11-21T00:00:00+01:30", 1_795_213_800_000_000_000),
      ("2026-11-20T22:30:00.1234567891Z", 1_795_213_800_123_456_789),
      ("1969-12-31T23:59:59.5Z", -500_000_000),
      ("2016-12-31T23:59:60Z", 1_483_228_799_000_000_000),
    ] as [(String, Int64)])
  func reads(_ text: String, _ nanoseconds: Int64) {
    #expect(Timestamp.nanoseconds(from: text) == nanoseconds)
  }

  @Test(
    "What is no point in time is not read",
    arguments: [
      "", "2026-11-20", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-20T24:00:00Z",
      "2026-11-20T22:30:00", "2026-11-20T22:30:00.Z", "2026-11-20T22:30:00Zx", "9999-01-01T00:00:00Z",
    ])
  func refuses(_ text: String) {
    #expect(Timestamp.nanoseconds(from: text) == nil)
  }

  @Test func `Every day of four centuries is read as it was written`() {
    for day in stride(from: Int64(-70_000), to: 76_000, by: 1) {
      let nanoseconds = day * 86_400_000_000_000 + 45_296_789_000_000
      let text = Timestamp.string(nanosecondsSince1970: nanoseconds)
      if Timestamp.nanoseconds(from: text) != nanoseconds { Issue.record("\(text)") }
    }
  }
}
