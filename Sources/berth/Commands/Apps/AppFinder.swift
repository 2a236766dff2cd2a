import BerthClient
import BerthProtocol

/// Finds the apps that words on the command line mean.
final class AppFinder {
  private let context: Context
  /// Where `--workspace` says to look.
  private let given: String?
  /// The workspace that holds the working folder, once it was asked for.
  private var here: Workspace??

  init(_ context: Context, workspace: String? = nil) {
    self.context = context
    given = workspace
  }

  /// The app that a word means: of the workspace that is named, else of the one that holds the working folder where
  /// that has such an app, else whichever the server takes it for.
  func find(_ text: String) throws -> App {
    let (workspace, app) = Self.split(text)
    if let workspace = workspace ?? given {
      return try context.request(AppGet.self, .init(app: app, workspace: context.reference(workspace)))
    }
    if let here = try workspaceHere() {
      do {
        return try context.request(AppGet.self, .init(app: app, workspace: here.id))
      } catch let error as CallError where error.type == .appNotFound {}
    }
    return try context.request(AppGet.self, .init(app: app))
  }

  /// The workspace that `--workspace` names, else the one that holds the working folder.
  func workspace() throws -> Workspace {
    if let given { return try context.request(WorkspaceGet.self, .init(workspace: context.reference(given))) }
    if let here = try workspaceHere() { return here }
    let folder = Context.canonical(try Context.absolute("."))
    throw Failure(
      "no workspace holds \(folder)", status: .notFound,
      hint: ManifestFile.find(in: folder) == nil
        ? "name apps, or a workspace with --workspace"
        : "`berth workspace create .` makes it one, and `berth up` then starts its app")
  }

  private func workspaceHere() throws -> Workspace? {
    if let here { return here }
    let found = try context.holder(of: Context.canonical(Context.absolute(".")))
    here = .some(found)
    return found
  }

  /// What stands before the last `/`, and the app.
  static func split(_ text: String) -> (workspace: String?, app: String) {
    guard let slash = text.lastIndex(of: "/") else { return (nil, text) }
    return (slash == text.startIndex ? "/" : String(text[..<slash]), String(text[text.index(after: slash)...]))
  }
}
