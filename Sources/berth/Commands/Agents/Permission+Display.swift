import BerthProtocol

extension PlanEntry {
  /// One line of a checklist.
  func line(_ style: Style) -> String {
    let words = DisplayText.safe(content)
    switch status {
    case "completed": return "  " + style(.green, "✓") + " " + style(.dim, words)
    case "in_progress": return "  " + style(.cyan, "▸") + " " + style(.bold, words)
    default: return "  " + style(.dim, "○") + " " + words
    }
  }
}

extension Permission {
  /// The answers with their numbers and letters.
  func choices(_ style: Style) -> [String] {
    options.enumerated().map { index, option in
      let letters = letters.filter { $0.option == option.id }.map(\.letter).joined(separator: ", ")
      let letter = letters.isEmpty ? "" : style(.dim, " (\(letters))")
      return "  \(index + 1)) \(DisplayText.safe(option.name))\(letter)"
    }
  }

  /// What can be typed: `1-3, y, a, n`.
  var keys: String {
    let numbers = options.count == 1 ? "1" : "1-\(options.count)"
    return ([numbers] + letters.map(\.letter)).joined(separator: ", ")
  }

  /// The option that a typed word takes; nil where it is none.
  func option(typed word: String) -> PermissionOption? {
    let word = word.lowercased()
    if let number = Int(word) { return options.indices.contains(number - 1) ? options[number - 1] : nil }
    let letter = ["yes": "y", "no": "n", "always": "a"][word] ?? word
    let id = letters.first { $0.letter == letter }?.option ?? word
    return options.first { $0.id == id }
  }

  /// `y`, `a` and `n`, each with the option that it takes.
  private var letters: [(letter: String, option: String)] {
    func take(_ letter: String, _ kinds: PermissionKind...) -> (String, String)? {
      kinds.compactMap { kind in options.first { $0.kind == kind } }.first.map { (letter, $0.id) }
    }
    return [
      take("y", .allowOnce, .allowAlways), take("a", .allowAlways), take("n", .rejectOnce, .rejectAlways),
    ].compactMap(\.self)
  }

  /// The commands that answer it.
  func commands(_ style: Style) -> [String] {
    options.map { option in
      "  berth run answer \(id) \(DisplayText.safe(option.id))  " + style(.dim, DisplayText.safe(option.name))
    }
  }

  /// Who has answered, and what.
  func answer(_ name: String?, isHere: Bool) -> String {
    let name = name ?? "no answer"
    switch by {
    case .client, nil: return isHere ? name : "\(name), answered elsewhere"
    case .policy: return "\(name), as the run's policy says"
    case .deadline: return "\(name), since nobody answered in time"
    case .cancelled: return "no longer asked: the run ends"
    case .agent: return "no longer asked: the agent has taken it back"
    }
  }
}
