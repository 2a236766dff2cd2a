import JSON

/// What was found, for people and for programs.
enum Report {
  static func table(_ rows: [Row]) -> String {
    var lines = [["what", "Berth", "beside it", "ratio", "target", "ok"]]
    var last = ""
    for row in rows {
      // Several peers of one figure: the figure stands on the first line.
      let isRepeated = row.what == last
      last = row.what
      let beside = row.beside.map { "\($0) \(row.besideFigure?.text ?? "is not here")" }
      lines.append([
        isRepeated ? "" : row.what,
        isRepeated ? "" : row.figure.text,
        beside ?? "",
        row.ratio.map { "\($0.short)×" } ?? "",
        row.target?.text ?? "",
        row.isMet.map { $0 ? "yes" : "NO" } ?? "",
      ])
    }
    let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    let texts = lines.map { line in
      zip(line, widths).map { $0.padded(to: $1) }.joined(separator: "  ").withoutTrailingSpaces
    }
    let rule = String(repeating: "─", count: widths.reduce(0, +) + 2 * (widths.count - 1))
    return ([texts[0], rule] + texts.dropFirst()).joined(separator: "\n")
  }

  static func json(_ rows: [Row]) -> String {
    JSONValue.array(rows.map(\.json)).jsonString
  }
}

extension Row {
  fileprivate var json: JSONValue {
    var object: JSONObject = [
      "what": .string(what), "value": .number(figure.value), "unit": .string(figure.unit.rawValue),
    ]
    object["beside"] = beside.map(JSONValue.string)
    object["besideValue"] = besideFigure.map { .number($0.value) }
    object["ratio"] = ratio.map(JSONValue.number)
    object["target"] = target.map { .string($0.text) }
    object["met"] = isMet.map(JSONValue.bool)
    return .object(object)
  }
}

extension String {
  func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }

  fileprivate var withoutTrailingSpaces: String {
    String(reversed().drop { $0 == " " }.reversed())
  }
}
