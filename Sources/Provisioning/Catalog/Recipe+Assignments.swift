import BerthProtocol

extension Recipe {
  /// What gives a script its values: a variable for each text, a function for each list.
  ///
  /// Values stand nowhere else in a script, and here always in single quotes, so that none of them is ever read as a
  /// part of the script. A list `packages` is the function `with_packages`, which calls its arguments with the
  /// elements added: `with_packages apt-get install`. Only what the script mentions is given.
  func assignments(for body: String) -> String {
    let mentioned = Mentions(body)
    var lines: [String] = []
    let isFolderNeeded = ["root", "folder", "runtime_folder"].contains(where: mentioned.variable)
    if isFolderNeeded {
      let root = family.isLinux ? "/opt/berth" : #""${HOME:?}/.local/share/berth""#
      lines.append("root=${BERTH_ROOT:-\(root)}")
    }
    for (name, value) in given where mentioned.variable(name) {
      lines.append("\(name)=\(ShellWord.quote(value))")
    }
    if mentioned.variable("folder") { lines.append("folder=$root/\(ShellWord.quote(row))") }
    if mentioned.variable("runtime_folder") {
      lines.append("runtime_folder=$root/\(ShellWord.quote(runtime?.id ?? row))")
    }
    for name in values.keys.sorted() {
      switch values[name] {
      case .text(let text)?:
        if mentioned.variable(name) { lines.append("\(name)=\(ShellWord.quote(text))") }
      case .list(let list)?:
        guard mentioned.word("with_\(name)") else { continue }
        let words = list.map { " \(ShellWord.quote($0))" }.joined()
        lines.append("with_\(name)() { \"$@\"\(words); }")
      case nil: break
      }
    }
    return lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n"
  }

  private var given: [(name: String, value: String)] {
    [
      ("row", row), ("version", version), ("family", family.rawValue), ("runtime", runtime?.name ?? ""),
      ("runtime_version", runtime?.version ?? version),
    ]
  }
}

/// The names that a script's text has.
private struct Mentions {
  private var variables: Set<Substring> = []
  private var words: Set<Substring> = []

  init(_ text: String) {
    var index = text.startIndex
    while index < text.endIndex {
      guard text[index].isName else {
        index = text.index(after: index)
        continue
      }
      let end = text[index...].firstIndex { !$0.isName } ?? text.endIndex
      let word = text[index..<end]
      words.insert(word)
      let before = text[..<index].suffix(2)
      if before.hasSuffix("$") || before == "${" { variables.insert(word) }
      index = end
    }
  }

  func variable(_ name: String) -> Bool { variables.contains(name[...]) }
  func word(_ name: String) -> Bool { words.contains(name[...]) }
}

extension Character {
  fileprivate var isName: Bool { self == "_" || isASCII && (isLetter || isNumber) }
}
