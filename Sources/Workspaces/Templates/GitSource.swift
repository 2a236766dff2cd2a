internal import BerthProtocol
internal import JSON
internal import Platform

/// A commit of a git repository, fetched into a stage.
struct GitSource {
  let url: String
  let ref: String?
  let subdirectory: RelativePath?
  let limits: TemplatesConfig

  /// Where in the stage git keeps its repository.
  private static let repository: FileName = "git"

  /// - Throws: `invalid_argument` for a ref that could be taken for anything but one.
  init(url: String, ref: String?, subdirectory: String?, limits: TemplatesConfig) throws {
    if let ref { try Self.check(ref) }
    self.url = url
    self.ref = ref
    self.subdirectory = try subdirectory.map(TemplateSubdirectory.path)
    self.limits = limits
  }

  /// Fetches the commit and writes its files to the stage's tree.
  ///
  /// - Returns: The commit's id.
  func fetch(into stage: Stage, telling job: JobReport) async throws -> String {
    _ = try stage.makeFolder(Stage.tree)
    let path = FolderPath.join(stage.parentPath, stage.name.string)
    let git = GitCommand(
      repository: FolderPath.join(path, Self.repository.string),
      workTree: FolderPath.join(path, Stage.tree.string), maximumFileBytes: limits.maxBytes,
      deadline: .now + .seconds(limits.timeoutSeconds))
    try await run(git, ["init", "--quiet", "--template="], job)
    let commit = try await commit(git, job)
    let tree = try await tree(of: commit, git)
    try await checkSizes(of: tree, git, job)
    try await run(git, ["read-tree", tree], job)
    try await run(git, ["checkout-index", "--all", "--force", "--quiet"], job)
    try stage.directory.removeTree(Self.repository)
    return commit
  }

  private func commit(_ git: GitCommand, _ job: JobReport) async throws -> String {
    let shallow = try await fetch(git, ["--depth=1"], [ref ?? "HEAD"], job)
    if shallow.isSuccess { return try await resolve("FETCH_HEAD", git) }
    // Some servers give no shallow history, and none finds an abbreviated commit; then all of it must be had.
    guard isWorthFetchingAll(shallow.lastWords) else { throw unavailable(shallow.lastWords) }
    job.output("The whole history is fetched to find `\(ref ?? "HEAD")`.")
    let whole = try await fetch(
      git, [], ["+HEAD:refs/berth/head", "+refs/heads/*:refs/berth/heads/*", "+refs/tags/*:refs/tags/*"], job)
    guard whole.isSuccess else { throw unavailable(whole.lastWords) }
    guard let ref else { return try await resolve("refs/berth/head", git) }
    for name in ["refs/tags/\(ref)", "refs/berth/heads/\(ref)", ref] {
      if let commit = try? await resolve(name, git) { return commit }
    }
    throw unavailable(shallow.lastWords)
  }

  private func fetch(
    _ git: GitCommand, _ options: [String], _ refs: [String], _ job: JobReport
  ) async throws -> GitCommand.Outcome {
    let arguments = ["fetch", "--progress", "--no-tags", "--no-recurse-submodules"] + options + ["--", url] + refs
    return try await git.run(arguments, line: job.gitLine)
  }

  private func isWorthFetchingAll(_ lastWords: [String]) -> Bool {
    let words = lastWords.joined(separator: "\n")
    if words.contains("shallow") || words.contains("not our ref") || words.contains("unadvertised object") {
      return true
    }
    let isHexadecimal = ref.map { $0.utf8.count >= 4 && $0.allSatisfy(\.isHexDigit) } ?? false
    return isHexadecimal && words.contains("couldn't find remote ref")
  }

  /// The id of the commit that a name stands for.
  private func resolve(_ name: String, _ git: GitCommand) async throws -> String {
    try await object("\(name)^{commit}", git)
  }

  /// The tree that is to be written: the commit's, or that of the subdirectory in it.
  private func tree(of commit: String, _ git: GitCommand) async throws -> String {
    guard let subdirectory, !subdirectory.isRoot else { return try await object("\(commit)^{tree}", git) }
    do {
      let found = try await object("\(commit):\(subdirectory)", git)
      return try await object("\(found)^{tree}", git)
    } catch let error as ProtocolError where error.type == .sourceUnavailable {
      throw TemplateSubdirectory.missing(subdirectory)
    }
  }

  private func object(_ name: String, _ git: GitCommand) async throws -> String {
    let found = GitOutput()
    let outcome = try await git.run(
      ["rev-parse", "--verify", "--quiet", "--end-of-options", name], output: { found.add($0) })
    let id = found.text.filter(\.isHexDigit)
    guard outcome.isSuccess, !id.isEmpty else { throw unavailable(outcome.lastWords) }
    return id
  }

  /// Adds up what the tree will take before any of it is written.
  private func checkSizes(of tree: String, _ git: GitCommand, _ job: JobReport) async throws {
    let listing = GitTreeListing(ContentBudget(limits))
    let outcome = try await git.run(
      ["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", tree], output: { try listing.add($0) })
    guard outcome.isSuccess else { throw unavailable(outcome.lastWords) }
    for submodule in listing.submodules { job.output("The submodule `\(submodule)` is not fetched.") }
  }

  private func run(_ git: GitCommand, _ arguments: [String], _ job: JobReport) async throws {
    let outcome = try await git.run(arguments, line: job.gitLine)
    guard outcome.isSuccess else { throw unavailable(outcome.lastWords) }
  }

  private func unavailable(_ lastWords: [String]) -> ProtocolError {
    let address = TemplateOrigin.withoutPassword(url)
    let words = lastWords.joined(separator: "\n")
    if words.contains("git: not found") {
      return ProtocolError(.sourceUnavailable, "git is not installed. Install it, or pass an archive.", detail: words)
    }
    let what = ref.map { "`\($0)` of \(address)" } ?? address
    return ProtocolError(
      .sourceUnavailable, "git could not fetch \(what). Check the address, the ref and your access to it.",
      detail: words.isEmpty ? "git said nothing" : words)
  }

  /// What a branch, a tag or a commit can be called (git-check-ref-format(1)), and what git takes for nothing else.
  private static func check(_ ref: String) throws {
    let forbidden: Set<Unicode.Scalar> = [" ", "~", "^", ":", "?", "*", "[", "\\"]
    let isFaulty =
      ref.hasPrefix("-") || ref.hasPrefix("+") || ref.hasPrefix("/") || ref.hasSuffix("/") || ref.hasSuffix(".")
      || ref.contains("..") || ref.contains("@{") || ref.contains("//")
      || ref.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F || forbidden.contains($0) }
    if isFaulty {
      throw ProtocolError(
        .invalidArgument, "`\(ref)` is no name of a branch, a tag or a commit. Pass one as `git branch` shows it.")
    }
  }
}
