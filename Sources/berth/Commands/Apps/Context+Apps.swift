import BerthClient
import BerthProtocol

extension Context {
  func allApps(workspace: String? = nil, states: [AppState]? = nil) throws -> [AppSummary] {
    var all: [AppSummary] = []
    var cursor: String?
    repeat {
      let page = try request(AppList.self, .init(workspace: workspace, states: states, limit: 1000, cursor: cursor))
      all += page.apps
      cursor = page.nextCursor
    } while cursor != nil
    return all
  }

  /// The slugs of workspaces by id, for showing their apps.
  func workspaceNames(of apps: [AppSummary]) throws -> [String: String] {
    guard !apps.isEmpty else { return [:] }
    return Dictionary(try allWorkspaces().map { ($0.id, $0.slug) }) { first, _ in first }
  }

  /// Makes a call for each of many, some at a time. - Returns: What became of each, in their order.
  func requestEach<M: Method>(_ method: M.Type, _ params: [M.Params]) throws -> [Result<M.Result, CallError>] {
    let client = try client
    var results: [Result<M.Result, CallError>] = []
    // Not more at a time than fits in the connection's buffers and the server's limit of open calls.
    for start in stride(from: 0, to: params.count, by: 32) {
      let ids = try params[start..<min(start + 32, params.count)].map {
        try client.begin(M.description.name, params: $0)
      }
      for id in ids {
        do {
          results.append(.success(try client.result(of: id, as: method)))
        } catch let error as CallError {
          results.append(.failure(error))
        }
      }
    }
    return results
  }
}
