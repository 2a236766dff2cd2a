internal import Documents
internal import JSON

extension ManifestReader {
  /// `depends_on`: names, or a mapping from each name to its condition.
  func dependencies(of id: String?) -> [ManifestDependency] {
    guard let value = root.own("depends_on") else { return [] }
    var dependencies: [ManifestDependency] = []
    var seen: Set<String> = []
    func add(_ app: String, _ condition: ManifestDependency.Condition, _ key: ManifestValue) {
      if app == id { return key.error(.conflict, "the app cannot depend on itself") }
      guard seen.insert(app).inserted else { return key.error(.conflict, "`\(app)` is given twice") }
      dependencies.append(ManifestDependency(app: app, condition: condition))
    }
    if case .sequence = value.node.content {
      for element in value.list("a list") ?? [] {
        if let app = element.text("the id of an app", longest: 128) { add(app, .ready, element) }
      }
      return dependencies
    }
    for (app, key, entry) in value.members("apps with their conditions, or a list of apps") ?? [] {
      if entry.node.isNull {
        add(app, .ready, key)
      } else if entry.isText {
        if let condition = entry.choice(ManifestDependency.Condition.self) { add(app, condition, key) }
      } else if let fields = entry.fields("dependency", "a condition") {
        let value = fields["condition"]
        fields.close()
        let condition = value.map { $0.choice(ManifestDependency.Condition.self) } ?? .ready
        if let condition { add(app, condition, key) }
      }
    }
    return dependencies
  }

  /// `restart`: a policy, or a mapping with one.
  func restart() -> ManifestRestart {
    let value = root.own("restart")
    var policy: ManifestRestart.Policy?
    var initial: ManifestValue?
    var maximum: ManifestValue?
    var stable: Double?
    var count: Int?
    var pause: Double?
    if let value, value.isText {
      policy = value.choice(ManifestRestart.Policy.self)
    } else if let fields = value?.fields("restart", "a policy, or a mapping with one") {
      policy = fields["policy"]?.choice(ManifestRestart.Policy.self)
      if let backoff = fields["backoff"]?.fields("backoff", "a mapping with `initial_s` and `max_s`") {
        initial = backoff["initial_s"]
        maximum = backoff["max_s"]
        backoff.close()
      }
      stable = fields["stable_s"]?.seconds(least: 0)
      count = fields["max_restarts"]?.integer("a number of restarts", in: 1...1000)
      pause = fields["crash_loop_s"]?.seconds()
      fields.close()
    }
    let first = initial?.seconds() ?? 1
    let longest = maximum?.seconds() ?? max(60, first)
    if longest < first { maximum?.error(.value, "`max_s` is less than `initial_s`") }
    return ManifestRestart(
      policy: policy ?? .always, initialBackoffSeconds: first, maximumBackoffSeconds: longest,
      stableSeconds: stable ?? 30, maximumRestarts: count ?? 5, crashLoopSeconds: pause ?? 300)
  }

  func limits() -> ManifestLimits {
    let fields = root.own("limits")?.fields("limits", "a mapping of limits")
    let limits = ManifestLimits(
      openFiles: fields?["open_files"]?.limit("a number of files"),
      processes: fields?["processes"]?.limit("a number of processes"),
      memory: fields?["memory"]?.sizeLimit(), cpuSeconds: fields?["cpu_s"]?.limit("a number of seconds"),
      fileSize: fields?["file_size"]?.sizeLimit(), coreSize: fields?["core_size"]?.sizeLimit(least: 0),
      memoryMaximum: fields?["memory_max"]?.sizeLimit(),
      cpuMaximum: fields?["cpu_max"]?.number("a number of processors", in: 0.01...4096))
    fields?.close()
    return limits
  }
}

extension ManifestValue {
  fileprivate func limit(_ what: String) -> ManifestLimits.Limit? {
    if scalar?.text == "unlimited" { return .unlimited }
    return integer("\(what), or `unlimited`", in: 1...(.max)).map { .value($0) }
  }

  /// `512M`, `1.5GiB`, `unlimited`, or a number of bytes. Each unit is 1024 times the one before.
  fileprivate func sizeLimit(least: Int = 1) -> ManifestLimits.Limit? {
    let what = "a size such as `512M`, a number of bytes, or `unlimited`"
    guard let scalar, scalar.value != .null else {
      expected(what)
      return nil
    }
    if scalar.text == "unlimited" { return .unlimited }
    guard let bytes = Self.bytes(scalar.text), bytes >= least else {
      expected(what)
      return nil
    }
    return .value(bytes)
  }

  private static func bytes(_ text: String) -> Int? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let number = Double(digits), number.isFinite else { return nil }
    let unit = text.dropFirst(digits.count).uppercased()
    var shift = 0
    switch unit {
    case "", "B": shift = 0
    case "K", "KB", "KI", "KIB": shift = 10
    case "M", "MB", "MI", "MIB": shift = 20
    case "G", "GB", "GI", "GIB": shift = 30
    case "T", "TB", "TI", "TIB": shift = 40
    default: return nil
    }
    return Int(exactly: (number * Double(1 << shift)).rounded(.down))
  }
}
