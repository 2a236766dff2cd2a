import BerthClient
import BerthProtocol
import JSON
import Platform

/// Makes a call for each of several machines, side by side, and shows each as it is answered.
final class ParallelCalls {
  /// What an answer comes to.
  struct Shown {
    var isDone: Bool
    var text: String
    /// For scripts: the columns behind the name.
    var row: [String]
    var notes: [String] = []
    var json: JSONValue
    /// Why the command as a whole does not end well.
    var failure: Failure?
  }

  /// How many calls are open at a time.
  private static let width = 32

  private let context: Context
  private let names: [String]
  private let view: LaneView
  private let step: String

  /// - Parameter step: What the machines' lines say meanwhile.
  init(_ context: Context, _ names: [String], step: String) {
    (self.context, self.names, self.step) = (context, names, step)
    view = LaneView(names, json: context.json)
  }

  /// - Parameter shown: Is told of each answer, with its place among the calls.
  /// - Throws: `Failure` where one has failed.
  func run<M: Method>(
    _ method: M.Type, _ params: [M.Params], shown: (Int, Result<M.Result, CallError>) throws -> Shown
  ) throws {
    let client = try context.client
    defer { view.clear() }
    var waiting = Array(params.indices)[...]
    var open: [Int: Int] = [:]
    var failures: [Failure] = []
    while !waiting.isEmpty || !open.isEmpty {
      while open.count < Self.width, let index = waiting.popFirst() {
        open[try client.begin(M.description.name, params: params[index])] = index
        view.begin(index)
        if view.isLive { view.step(index, step) }
      }
      let seconds = view.isLive ? LaneView.redrawSeconds : nil
      guard let id = try client.nextAnswer(among: Array(open.keys), timeoutSeconds: seconds) else {
        view.refresh()
        continue
      }
      guard let index = open.removeValue(forKey: id) else { continue }
      let answer: Shown
      do {
        answer = try shown(index, .success(client.result(of: id, as: method)))
      } catch let error as CallError {
        answer = try shown(index, .failure(error))
      }
      if let failure = answer.failure { failures.append(failure) }
      show(index, answer)
    }
    view.clear()
    if let failure = Failure(failures, of: names.count, "failed") { throw failure }
  }

  private func show(_ index: Int, _ answer: Shown) {
    if context.json { view.json(answer.json) }
    // Why the only one has failed is told at the end.
    let isOnly = names.count == 1 && answer.failure != nil
    let hint = answer.failure?.hint.map { ["hint: \($0)"] } ?? []
    view.end(
      index, answer.isDone ? .done : .failed, isOnly && !answer.isDone ? "failed" : answer.text, row: answer.row,
      notes: isOnly ? [] : answer.notes + hint)
  }

}

extension ParallelCalls.Shown {
  /// A call that has failed.
  init(_ failure: Failure, json: JSONValue) {
    self.init(
      isDone: false, text: failure.description, row: ["failed", failure.description], notes: failure.notes, json: json,
      failure: failure)
  }
}
