import BerthProtocol
import JSON
import Platform
import Synchronization

/// Where a run is shown: standard output and standard error, for people or as JSON.
final class RunView: Sendable {
  private struct State {
    var renderer: RunRenderer
    let output = Output()
  }

  private let state: Mutex<State>
  private let isJSON: Bool

  init(json: Bool, isQuiet: Bool) {
    isJSON = json
    let settings = RunRenderer.Settings(
      style: Style.errors, isLive: Terminal.errorIsTerminal && Terminal.environment("TERM") != "dumb",
      isShared: Terminal.outputAndErrorAreOne, isQuiet: isQuiet)
    state = Mutex(State(renderer: RunRenderer(settings)))
  }

  /// A run is about to be shown.
  func begin(_ run: AgentRun, workspace: Workspace?) {
    change { renderer in
      renderer.settings.folder = workspace?.path
      guard renderer.settings.isLive, !renderer.settings.isQuiet else { return [] }
      return renderer.say(aside: "\(run.agent) in \(workspace?.slug ?? run.workspace) · \(run.id)")
    }
  }

  /// Leaves out what whoever is at the terminal has just typed.
  func leaveOutFirstPrompt() {
    state.withLock { $0.renderer.settings.showsFirstPrompt = false }
  }

  func show(_ event: StreamEvent) {
    if isJSON { return state.withLock { $0.output.jsonLine(event) } }
    change { $0.render(event.type, event.payload) }
  }

  func show(_ permission: Permission) { change { $0.show(permission) } }
  func ask(_ permission: Permission) { change { $0.ask(permission) } }
  func endLine() { change { $0.endLine() } }

  func typed(_ permission: String, isAnswer: Bool) { change { $0.typed(permission, isAnswer: isAnswer) } }

  /// Says how to answer a question from elsewhere, also beside JSON.
  func tellHow(_ permission: Permission) {
    if isJSON { return Messages.line(permission.commands(Style.errors).joined(separator: "\n")) }
    change { $0.tellHow(permission) }
  }

  /// A line beside what the run tells.
  func say(_ text: String) {
    guard !text.isEmpty else { return }
    if isJSON { return Messages.line(Style.errors(.dim, DisplayText.safe(text))) }
    change { $0.say(aside: text) }
  }

  /// The last thing that is shown.
  func end(_ run: AgentRun) {
    if isJSON {
      state.withLock { $0.output.jsonLine(run) }
    } else {
      change { $0.end($0.settings.isLive || run.usage.words != nil ? run.summary : "") }
    }
    flush()
  }

  func flush() { state.withLock { $0.output.flush() } }

  private func change(_ body: (inout RunRenderer) -> [RunLayout.Piece]) {
    guard !isJSON else { return }
    state.withLock { state in
      if state.renderer.settings.isLive { state.renderer.settings.width = Terminal.width }
      for piece in body(&state.renderer) {
        switch piece.sink {
        case .words: state.output.write(piece.text.utf8)
        case .activity:
          // In the order in which they came, where both are to be seen in one place.
          state.output.flush()
          Messages.write(piece.text)
        }
      }
    }
  }
}
