import Glibc
import Platform
import Supervisor
import TestSupport
import Testing

@Suite struct ShimSecretTests {
  /// What is in the log when a program has printed `pieces`, each with a write of its own, and waited in between until
  /// it was read.
  func masked(_ pieces: [String], secrets: [String]) async throws -> String {
    let home = try TemporaryFolder()
    var script = ""
    for (index, piece) in pieces.enumerated() {
      try home.write("piece\(index)", piece)
      script += "cat piece\(index); touch printed\(index); while [ ! -e go\(index) ]; do sleep 0.005; done\n"
    }
    let tree = try TestTree(script, in: home) { $0.secrets = secrets }
    let reads = "/proc/\(tree.started.shim)/io"
    for index in pieces.indices {
      try await tree.sign("printed\(index)")
      // The pipe is empty when the shim has read as many bytes as were printed.
      let printed = pieces[...index].map(\.utf8.count).reduce(0, +)
      _ = try await eventually("reading") { (procNumber(reads, "rchar") ?? 0) >= printed ? true : nil }
      try home.write("go\(index)", "")
    }
    _ = try await tree.end()
    return try tree.lines().string()
  }

  @Test(arguments: [
    (["the hunter2 is hunter2hunter2\n"], ["hunter2"], "the *** is ******\n"),
    (["no newline: hunter2"], ["hunter2"], "no newline: ***\n"),
    (["prefix hunter", "2 suffix\n"], ["hunter2"], "prefix *** suffix\n"),
    (["h", "u", "n", "t", "e", "r", "2", "\n"], ["hunter2"], "***\n"),
    (["almost hunter"], ["hunter2"], "almost hunter\n"),
    (["hunter\nhunter2\nhunter2x\n"], ["hunter2"], "hunter\n***\n***x\n"),
    (["short abc, long abcdef\n"], ["abc", "abcdef"], "short ***, long ***\n"),
    (["abc", "def abc", "\n"], ["abc", "abcdef"], "*** ***\n"),
    (["overlap abcdef\n"], ["abcd", "cdef"], "overlap ***\n"),
    (["overlap abc", "def", "\n"], ["abcd", "cdef"], "overlap ***\n"),
    (["aaaaaaa\n"], ["aa"], "***\n"),
    (["abab"], ["ababc"], "abab\n"),
    (["xabababcx\n"], ["ababc"], "xab***x\n"),
    (["-----BEGIN\n  line one\nx\nline two\n"], ["-----BEGIN\nline one\nx\nline two\n"], "***\n  ***\nx\n***\n"),
    (["a\n"], ["a"], "***\n"),
  ])
  func `Secrets are masked, wherever they are cut`(pieces: [String], secrets: [String], expected: String) async throws {
    #expect(try await masked(pieces, secrets: secrets) == expected)
  }

  @Test func `Secrets are masked where a line is cut into parts, and in the midst of much output`() async throws {
    let secret = "s3cr3t-" + String(repeating: "k", count: 300)
    let filler = String(repeating: "y", count: (16 << 10) - 100)
    let text = (0..<200).map { "\(filler.dropLast($0))\(secret)\(filler)\n" }.joined()
    let result = try await masked([text], secrets: [secret])
    #expect(result == text.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "***"))
  }

  @Test func `A secret that waits for its end is not printed meanwhile`() async throws {
    let tree = try TestTree("printf 'key: hunter'; touch half; while [ ! -e go ]; do sleep 0.01; done; echo 2") {
      $0.secrets = ["hunter2"]
    }
    try await tree.sign("half")
    try await tree.lines { $0.map(\.string) == ["key: "] }
    try tree.home.write("go", "")
    _ = try await tree.end()
    #expect(try tree.lines().string() == "key: ***\n")
  }
}
