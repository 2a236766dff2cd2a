package import BerthProtocol
import JSON
package import JSONRPC

/// The handlers of the methods, by name. Each is registered in one line; how it is carried out comes from its
/// definition.
package struct MethodRegistry: Sendable {
  struct Entry: Sendable {
    let description: MethodDescription
    let route: @Sendable (Session) -> Route
  }

  private var entries: [String: Entry] = [:]

  package init() {}

  subscript(name: String) -> Entry? { entries[name] }

  /// Registers a handler that answers at once, on the connection's event loop.
  package mutating func inline<M: Method>(
    _ method: M.Type, _ handler: @escaping @Sendable (M.Params, Call) throws -> Answer
  ) {
    precondition(M.description.lane == .inline, "\(M.description.name) is not defined as inline")
    add(M.self) { session in
      .inline { request in
        let json = try request.params()
        return try handler(try M.Params.decode(json), Call(session: session, request: request, progressToken: nil))
      }
    }
  }

  /// Registers a handler that is carried out on the worker pool, where it may block.
  package mutating func register<M: Method>(
    _ method: M.Type, _ handler: @escaping @Sendable (M.Params, Call) async throws -> M.Result
  ) {
    registerAnswer(method) { params, call in try await handler(params, call) }
  }

  /// As `register`, for what begins to send something once it is answered.
  package mutating func registerAnswer<M: Method>(
    _ method: M.Type, _ handler: @escaping @Sendable (M.Params, Call) async throws -> Answer
  ) {
    let description = M.description
    add(M.self) { session in
      let run: @Sendable (Request) async throws -> Answer = { request in
        let json = try request.params()
        let call = Call(session: session, request: request, progressToken: json?["workDoneToken"])
        return try await handler(try M.Params.decode(json), call)
      }
      return switch description.serialKey {
      case .parameter(let name): .serial(lane: description.family, member: name, run)
      case .fixed(let lane): .serial(lane: lane, member: nil, run)
      case nil: .concurrent(run)
      }
    }
  }

  private mutating func add<M: Method>(_ method: M.Type, _ route: @escaping @Sendable (Session) -> Route) {
    let description = M.description
    precondition(entries[description.name] == nil, "\(description.name) is registered twice")
    entries[description.name] = Entry(description: description, route: route)
  }

  /// The methods that clients may call and nobody has registered.
  var missing: [String] {
    MethodTable.methods.map { $0.description }
      .filter { $0.direction == .clientToServer && $0.name != CancelRequest.description.name }
      .map(\.name)
      .filter { entries[$0] == nil }
  }
}
