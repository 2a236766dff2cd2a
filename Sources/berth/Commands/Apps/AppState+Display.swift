import ArgumentParser
import BerthProtocol

extension AppState: ExpressibleByArgument {
  var look: Style.Look {
    switch self {
    case .running: .green
    case .waiting, .settingUp, .starting, .stopping: .cyan
    case .notReady, .backoff: .yellow
    case .crashLoop, .failed, .stopFailed: .red
    case .stopped, .exited: .dim
    }
  }

  /// For people.
  var words: String { rawValue.spaced }

  /// What follows an app's name in a sentence.
  var predicate: String {
    switch self {
    case .failed: "failed"
    case .exited: "exited"
    case .settingUp: "is being set up"
    case .crashLoop: "is in a crash loop"
    case .backoff: "ended, and will be started again"
    case .stopFailed: "could not be stopped"
    default: "is \(words)"
    }
  }

  func cell(on output: Output) -> Table.Cell { .init(output.isTerminal ? words : rawValue, look) }
}

extension AppReason {
  /// For people; nil where it tells nothing that the state does not.
  var words: String? {
    switch self {
    case .requested: nil
    case .dependency: "for what it depends on"
    case .adopted: "taken over"
    case .notListening: "nothing listens on its port"
    default: rawValue.spaced
    }
  }
}

extension BuildState {
  var look: Style.Look {
    switch self {
    case .none: .dim
    case .needed: .yellow
    case .running: .cyan
    case .done: .green
    case .failed: .red
    }
  }
}

extension AppExit {
  /// How it ended: `exit code 3`, `SIGKILL`.
  var words: String { code.map { "exit code \($0)" } ?? signal ?? "unknown" }
}

extension AppPort {
  /// Its URL, else where it is.
  var place: String { url ?? "\(host):\(port)" }
}

extension [AppPort] {
  /// URLs and ports by name, in a few words; for people also where nobody listens.
  func words(forPeople: Bool) -> String {
    let places = map { port in
      (count == 1 ? "" : "\(port.name) ") + port.place + (forPeople && !port.listening ? " (nothing listens)" : "")
    }
    return places.joined(separator: ", ")
  }
}

extension [String: Int] {
  /// Ports by name: `http 3000, metrics 3001`.
  var portWords: String {
    count == 1
      ? "\(first?.value ?? 0)" : sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
  }
}

extension String {
  /// A word of the protocol for people: `crash_loop` is a crash loop.
  fileprivate var spaced: String { String(map { $0 == "_" ? " " : $0 }) }
}
