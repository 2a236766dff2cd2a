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
      let letter = letters[option.id].map { style(.dim, " (\($0))") } ?? ""
      return "  \(index + 1)) \(DisplayText.safe(option.name))\(letter)"
    }
  }

  /// What can be typed: `1-3, y, a, n`.
  var keys: String {
    let numbers = options.count == 1 ? "1" : "1-\(options.count)"
    return ([numbers] + options.compactMap { letters[$0.id] }).joined(separator: ", ")
  }

  /// The option that a typed word takes; nil where it is none.
  func option(typed word: String) -> PermissionOption? {
    let word = word.lowercased()
    if let number = Int(word) { return options.indices.contains(number - 1) ? options[number - 1] : nil }
    let letter = ["yes": "y", "no": "n", "always": "a"][word] ?? word
    return options.first { letters[$0.id] == letter || $0.id == word }
  }

  /// `y`, `a` and `n`, each for the option that it takes.
  private var letters: [String: String] {
    func first(_ kinds: PermissionKind...) -> String? {
      kinds.compactMap { kind in options.first { $0.kind == kind }?.id }.first
    }
    var letters: [String: String] = [:]
    if let id = first(.allowAlways) { letters[id] = "a" }
    if let id = first(.allowOnce, .allowAlways) { letters[id] = "y" }
    if let id = first(.rejectOnce, .rejectAlways) { letters[id] = "n" }
    return letters
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
