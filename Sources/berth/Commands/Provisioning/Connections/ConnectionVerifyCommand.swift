import ArgumentParser
import BerthClient
import BerthProtocol
import JSON

extension ConnectionCommand {
  struct Verify: ServerCommand {
    static let configuration = CommandConfiguration(
      commandName: "verify",
      abstract: "Look on the instances whether all is there that connections brought. Nothing is changed.",
      discussion: "Without ID, all that are connected. Fails with status 1 where something differs.")

    @Argument(help: "The connections' ids.", completion: .custom { _, _, _ in Completion.connections() })
    var connections: [String] = []

    @OptionGroup(title: "Server and output") var options: CommandOptions

    func run(_ context: Context) throws {
      let targets =
        try connections.isEmpty
        ? context.allConnections(statuses: [.connected]).filter { $0.sourceResourceType == .runtime }
        : connections.map { try context.request(ConnectionGet.self, .init(connection: $0)) }
      let lanes = ParallelCalls(context, targets.map { "\($0.targetName): \($0.sourceName)" }, step: "verifying")
      try lanes.run(ConnectionVerify.self, targets.map { .init(connection: $0.id) }) { index, result in
        switch result {
        case .success(let verification): return Self.shown(verification)
        case .failure(let error):
          let failure = Failure(error, instance: targets[index].targetName)
          return .init(
            failure, json: ["connection": targets[index].jsonValue(), "error": .string(failure.description)])
        }
      }
    }

    private static func shown(_ verification: ConnectionVerification) -> ParallelCalls.Shown {
      let words = verification.differences.map(\.words)
      guard !verification.matches else {
        return .init(
          isDone: true, text: "as it was left: \(verification.connection.versions)", row: ["matches", ""],
          json: verification.jsonValue())
      }
      return .init(
        isDone: false, text: "differs", row: ["differs", words.joined(separator: "; ")], notes: words,
        json: verification.jsonValue(), failure: Failure("the instance is not as the connection left it", notes: words))
    }
  }
}

extension ConnectionDifference {
  /// `gunicorn: 23.0 was there, now nothing`.
  fileprivate var words: String { "\(part): \(expected) was there, now \(found ?? "nothing")" }
}
