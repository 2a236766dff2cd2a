import ArgumentParser
import CBench
import Glibc
import Platform

/// Benchmarks through the public protocol, with peers beside them in the same run.
@main
struct BerthBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "berth-bench",
    abstract: "Measures a server through its protocol, with peers beside it in the same run.",
    subcommands: [Run.self, Echo.self, Lines.self, Answer.self, Resist.self, Speak.self],
    defaultSubcommand: Run.self)
}

/// Runs benchmarks and prints what they found.
struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run benchmarks; all of them where none is named.",
    discussion: """
      Contestants take turns, so that a change of the machine's load meets all of them; what is printed are medians \
      over the rounds, and ratios within a round. Absolute figures say little beyond the machine they come from.

      BENCHMARKS
      \(Benchmarks.all.map { "  \($0.name.padded(to: 20)) \($0.summary)" }.joined(separator: "\n"))
      """)

  @Argument(help: "Which to run.", completion: .list(Benchmarks.all.map(\.name)))
  var benchmarks: [String] = []

  @Flag(help: "Print one JSON document.")
  var json = false

  @Option(help: "How many turns each contestant has.")
  var rounds = 5

  @Option(help: "How often a server with apps is killed. By default ten times a round, at most 50 times.")
  var kills: Int?

  @Option(help: "The server's program. By default the one beside this program.", completion: .file())
  var berth: String?

  @Option(help: "Where homes and files are made, and removed again.", completion: .directory)
  var folder: String?

  func validate() throws {
    guard rounds > 0 else { throw ValidationError("--rounds must be at least 1.") }
    guard kills ?? 1 > 0 else { throw ValidationError("--kills must be at least 1.") }
    for name in benchmarks where !Benchmarks.all.contains(where: { $0.name == name }) {
      throw ValidationError("There is no benchmark “\(name)”: \(Benchmarks.all.map(\.name).joined(separator: ", ")).")
    }
  }

  func run() throws {
    ProcessStatus.raiseOpenFileLimit()
    let scratch = try Scratch(in: folder)
    defer { scratch.remove() }
    try TerminationSignals.observe { _ in
      scratch.remove()
      Glibc.exit(130)
    }
    let bench = Bench(
      program: try program(), rounds: rounds, kills: kills ?? min(50, rounds * 10), scratch: scratch)
    var rows: [Row] = []
    for benchmark in Benchmarks.all where benchmarks.isEmpty || benchmarks.contains(benchmark.name) {
      bench.say(benchmark.summary)
      rows += try benchmark.run(bench)
    }
    print(json ? Report.json(rows) : Report.table(rows))
  }

  private func program() throws -> String {
    if let berth { return berth }
    let own = ChildProcess.ownProgram
    let beside = own.prefix(through: own.lastIndex(of: "/") ?? own.startIndex) + "berth"
    guard access(String(beside), X_OK) == 0 else {
      throw ValidationError("There is no \(beside): build it, or name it with --berth.")
    }
    return String(beside)
  }
}

/// The simplest peer: sends back what it reads on its standard input.
struct Echo: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Send back every byte; a peer.", shouldDisplay: false)

  func run() {
    berth_echo(STDIN_FILENO, STDOUT_FILENO)
  }
}
