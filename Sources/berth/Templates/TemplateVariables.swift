import BerthClient
import BerthProtocol
import JSON

extension Context {
  /// Puts a template in place, and asks for the values of variables that are missing, where somebody is there to be
  /// asked.
  ///
  /// - Parameters:
  ///   - given: The values from the command line.
  ///   - body: Makes the call with the values; called again with more.
  func asking<Result>(_ given: [String: String], _ body: ([String: String]) throws -> Result) throws -> Result {
    var values = given
    while true {
      do {
        return try body(values)
      } catch {
        guard let question = TemplateQuestion(error), Terminal.canAsk, !json else { throw error }
        guard let answers = question.ask() else { throw error }
        values.merge(answers) { $1 }
      }
    }
  }
}

/// The variables of a template that a call found missing or wrong.
private struct TemplateQuestion {
  private let faults: [Fault]
  private let declarations: [TemplateVariable]

  /// Nil for every other error.
  init?(_ error: any Error) {
    switch error {
    case let error as CallError where error.type == .templateVariables:
      faults = error.faults
      declarations = (error.data?["variables"]?.arrayValue ?? []).compactMap {
        try? Decoding.decode(TemplateVariable.self, from: $0)
      }
    case let failed as JobFailed where failed.job.error?.type == ErrorType.templateVariables.rawValue:
      faults = failed.job.error?.errors ?? []
      declarations = []
    default: return nil
    }
    guard !faults.isEmpty else { return nil }
  }

  /// Asks for each. Nil where the input ends before the last one.
  func ask() -> [String: String]? {
    var answers: [String: String] = [:]
    for fault in faults {
      guard let name = fault.loc.last?.stringValue else { continue }
      let declaration = declarations.first { $0.name == name }
      if let description = declaration?.description { Messages.line(Style.errors(.dim, DisplayText.safe(description))) }
      if fault.type != "missing" { Messages.line(Style.errors(.yellow, DisplayText.safe("\(name) \(fault.msg)"))) }
      guard let answer = Prompt.ask(name, defaultValue: declaration?.default) else { return nil }
      answers[name] = answer
    }
    return answers.isEmpty ? nil : answers
  }
}
