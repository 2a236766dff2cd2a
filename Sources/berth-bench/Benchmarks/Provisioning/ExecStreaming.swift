import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform

/// Much output of a command on another machine, kept in a journal; beside OpenSSH's client, which keeps nothing.
enum ExecStreaming {
  private static let lines = 2_000_000
  private static let bytes = lines * Lines.bytes

  static func run(_ bench: Bench) throws -> [Row] {
    guard let programs = SSHHosts.Programs.find() else {
      bench.say("there is no sshd or ssh here")
      return []
    }
    let hosts = try SSHHosts(programs, scratch: bench.scratch)
    defer { hosts.stop() }
    let instances = try Instances(hosts, bench)
    defer { instances.stop() }
    let command = try "cat \(sample(bench))"
    // Once without looking: what the server keeps of every session and stream is there then.
    _ = try stream(command, instances) {}
    let before = try instances.server.settledMemory().resident
    var largest = before
    var (own, peers): ([Double], [Double]) = ([], [])
    var last = ""
    for _ in 0..<bench.rounds {
      try bench.scratch.warmPageCache(bytes: bytes * 2)
      let found = try stream(command, instances) {
        largest = max(largest, try ProcessMemory(of: instances.server.process.processID).resident)
      }
      own.append(Double(bytes) / (found.nanoseconds / 1e9))
      last = found.stream
      let peer = try hosts.run(command)
      guard peer.bytes == bytes else { throw BenchmarkFailure("of \(bytes) bytes, ssh brought \(peer.bytes)") }
      peers.append(Double(bytes) / (peer.nanoseconds / 1e9))
    }
    try check(last, of: instances, bench)
    return [
      Row(
        "output of 200 MB over SSH into a journal", Series(values: own), beside: "ssh, kept nowhere",
        Series(values: peers), target: .ratioAtLeast(0.5), figure: Figure.bytesPerSecond),
      Row("server's growth by that", .bytes(largest - before), target: .atMost(.bytes(10_000_000))),
    ]
  }

  /// A file of numbered lines.
  private static func sample(_ bench: Bench) throws -> String {
    let path = bench.scratch.newPath("lines")
    let file = try OwnedDescriptor.appending(to: path)
    let writer = try bench.scratch.start(ChildProcess.ownProgram, ["lines", "\(lines)"], output: file)
    guard bench.scratch.wait(for: writer) == 0 else { throw BenchmarkFailure("the lines can't be written") }
    return path
  }

  /// - Parameter watch: Called now and then meanwhile.
  private static func stream(
    _ command: String, _ instances: Instances, watch: () throws -> Void
  ) throws -> (stream: String, nanoseconds: Double) {
    let client = try instances.server.client()
    let began = Timestamp.monotonicNanoseconds()
    var job = try client.request(InstanceExec.self, .init(instance: instances.ids[0], command: command)).job
    while job.endedAt == nil {
      try watch()
      job = try client.request(JobGet.self, .init(job: job.id, waitSeconds: 0.1))
    }
    let took = Double(Timestamp.monotonicNanoseconds() - began)
    guard job.state == .succeeded, job.result?["exitCode"]?.intValue == 0 else {
      throw BenchmarkFailure("\(command) is \(job.state.rawValue): \(job.error?.message ?? "")")
    }
    return (job.stream, took)
  }

  /// Makes sure that all lines are in the journal, once and in order.
  private static func check(_ stream: String, of instances: Instances, _ bench: Bench) throws {
    let path = bench.scratch.newPath("journal")
    defer { unlink(path) }
    let file = try OwnedDescriptor.appending(to: path)
    let client = try instances.server.client()
    var cursor: String?
    while true {
      let page = try client.request(
        StreamRead.self, .init(stream: stream, after: cursor, limitBytes: 8 << 20, types: [EventType.execOutput]))
      for event in page.events {
        var text = event.payload["text"]?.stringValue ?? ""
        try text.withUTF8 { try file.write(UnsafeRawBufferPointer($0)) }
      }
      cursor = page.next
      if page.eof || page.caughtUp { break }
    }
    var check = LineCheck(hasPrefix: false)
    try check.read(path)
    try check.expect(lines)
  }
}
