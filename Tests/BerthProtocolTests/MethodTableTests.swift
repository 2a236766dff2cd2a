import BerthProtocol
import JSON
import Testing

@Suite struct MethodTableTests {
  private let descriptions = MethodTable.methods.map { $0.description }

  @Test func namesAreUniqueAndOfAKnownFamily() {
    #expect(Set(descriptions.map(\.name)).count == descriptions.count)
    #expect(Set(descriptions.map(\.family)) == Set(MethodTable.families))
  }

  @Test func serialMethodsAndOnlyTheyHaveAKey() {
    for description in descriptions {
      #expect((description.lane == .serial) == (description.serialKey != nil), "\(description.name)")
    }
    #expect(FileWrite.description.serialKey == .parameter("workspace"))
    #expect(ConfigUpdate.description.serialKey == .fixed("config"))
  }

  @Test func serialKeysAreParametersThatMustBeThere() {
    for method in MethodTable.methods {
      guard case .parameter(let name) = method.description.serialKey else { continue }
      let names = positional(method)
      #expect(names.contains(name), "\(method.description.name)")
    }
  }

  private func positional<M: Method>(_ method: M.Type) -> [String] { M.Params.positional }

  @Test func notificationsHaveNoResult() {
    for method in MethodTable.methods where method.description.isNotification {
      let isNull = hasNullResult(method)
      #expect(isNull, "\(method.description.name)")
    }
  }

  private func hasNullResult<M: Method>(_ method: M.Type) -> Bool { M.Result.self == NullResult.self }

  @Test func errorsKeepToTheirCodes() {
    #expect(ErrorType.workspaceNotFound.rawValue == "workspace_not_found")
    #expect(ErrorType.workspaceNotFound.code == 404)
    #expect(!ErrorType.workspaceNotFound.retryable)
    #expect(ErrorType.workspaceBusy.retryable)
    let jsonRPC: Set = [-32700, -32600, -32601, -32602, -32603, -32002, -32800]
    for type in ErrorType.allCases {
      #expect(jsonRPC.contains(type.code) || (400...504).contains(type.code), "\(type)")
    }
  }
}
