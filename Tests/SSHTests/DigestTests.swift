import Testing

@testable import SSH

@Suite struct DigestTests {
  @Test func theHashesAreThoseOfTheStandard() {
    func hex(_ bytes: [UInt8]) -> String {
      bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
    #expect(hex(Digest.sha256([])) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(hex(Digest.sha256(Array("abc".utf8))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    let two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
    #expect(hex(Digest.sha256(Array(two.utf8))) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
    #expect(hex(Digest.sha1([])) == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
    #expect(hex(Digest.sha1(Array(two.utf8))) == "84983e441c3bd26ebaae4aa1f95129e5e54670f1")
    // RFC 2202, test cases 2 and 6.
    #expect(
      hex(Digest.hmacSHA1(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8)))
        == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
    #expect(
      hex(
        Digest.hmacSHA1(
          key: [UInt8](repeating: 0xaa, count: 80),
          Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)))
        == "aa4ae5e15272d00e95705637ce8a3b55ed402112")
  }

  @Test(arguments: 0...130) func everyLengthIsHashedAsWhole(_ count: Int) {
    // A message and the same one with another byte at its end have nothing in common.
    let message = [UInt8](repeating: 7, count: count)
    #expect(Digest.sha256(message).count == 32)
    #expect(Digest.sha256(message) != Digest.sha256(message + [0]))
  }

  @Test func base64GoesBothWays() {
    for (plain, coded) in [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy"),
    ] {
      #expect(Base64.encode(Array(plain.utf8)) == coded)
      #expect(Base64.decode(coded.utf8) == Array(plain.utf8))
    }
    #expect(Base64.encode([0xfb, 0xff], padded: false) == "+/8")
    #expect(Base64.decode("a b".utf8) == nil)
  }

  @Test func aFieldThatIsCutOffIsNotRead() {
    var reader = FieldReader([0, 0, 0, 5, 1, 2])
    #expect(reader.string() == nil)
    #expect(reader.integer() == 5)
    #expect(reader.integer() == nil)
    var huge = FieldReader([0xff, 0xff, 0xff, 0xff, 1])
    #expect(huge.string() == nil)
  }
}
