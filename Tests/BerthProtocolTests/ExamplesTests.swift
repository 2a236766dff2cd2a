import BerthProtocol
import Foundation
import JSON
import Testing

/// What can be said of `Protocol/examples` without a server; the end-to-end tests replay them against it.
@Suite struct ExamplesTests {
  private struct Example: CustomStringConvertible {
    var method: any Method.Type
    var json: JSONValue

    var description: String { "\(method.description.name): \(json["name"]?.stringValue ?? "")" }
  }

  private let examples: [Example]

  init() throws {
    let folder = GeneratorTests.root.appendingPathComponent("Protocol/examples")
    let methods = Dictionary(uniqueKeysWithValues: MethodTable.methods.map { ($0.description.name, $0) })
    var examples: [Example] = []
    for family in MethodTable.families {
      let file = try JSONParser.parse(Array(Data(contentsOf: folder.appendingPathComponent("\(family).json"))))
      #expect(file["family"]?.stringValue == family)
      for row in file["methods"]?.arrayValue ?? [] {
        let method = try #require(methods[row["method"]?.stringValue ?? ""])
        #expect(method.description.family == family, "\(method)")
        examples += (row["cases"]?.arrayValue ?? []).map { Example(method: method, json: $0) }
      }
    }
    self.examples = examples
  }

  @Test func everyRequestHasAGoodAndABadCase() {
    for method in MethodTable.methods where method.description.direction == .clientToServer {
      let name = method.description.name
      let own = examples.filter { $0.method.description.name == name }
      if method.description.isNotification {
        #expect(!own.isEmpty, "\(name)")
      } else {
        #expect(own.contains { $0.json["result"] != nil }, "\(name)")
        #expect(own.contains { $0.json["error"] != nil }, "\(name)")
      }
    }
  }

  @Test func casesHaveKnownMembersOnly() {
    let known: Set = [
      "name", "initialize", "machine", "files", "setup", "params", "result", "error", "then", "notifications", "closes",
    ]
    for example in examples {
      let unknown = Set(example.json.objectValue?.keys.map { $0 } ?? []).subtracting(known)
      #expect(unknown.isEmpty, "\(example)")
      let hasAnswer = example.json["result"] != nil || example.json["error"] != nil
      #expect(hasAnswer != example.method.description.isNotification, "\(example)")
    }
  }

  @Test func errorsAreThoseOfTheMethod() throws {
    let document = try JSONParser.parse(UnsafeRawBufferPointer(OpenRPCDocument.bytes))
    let common = Set((document["x-common-errors"]?.arrayValue ?? []).compactMap(\.stringValue))
    for method in document["methods"]?.arrayValue ?? [] {
      let own = Set((method["errors"]?.arrayValue ?? []).compactMap { $0["data"]?["type"]?.stringValue })
      for example in examples where example.method.description.name == method["name"]?.stringValue {
        guard let type = example.json["error"]?["data"]?["type"]?.stringValue else { continue }
        #expect(own.union(common).contains(type), "\(example)")
        #expect(ErrorType(rawValue: type)?.code == example.json["error"]?["code"]?.intValue, "\(example)")
      }
    }
  }

  @Test func parametersDecodeUnlessTheirFaultsAreTold() {
    for example in examples where !example.method.description.isNotification {
      let expected = example.json["error"]?["data"]?["errors"]?.arrayValue ?? []
      let isExpected = example.json["error"]?["code"] == -32602
      #expect(faults(example.method, example.json["params"]) == (isExpected ? expected : []), "\(example)")
    }
  }

  /// The faults of parameters as an example tells them.
  private func faults<M: Method>(_ method: M.Type, _ params: JSONValue?) -> [JSONValue] {
    do throws(ProtocolError) {
      _ = try M.Params.decode(params)
      return []
    } catch {
      return error.errors.map { ["loc": .array($0.loc), "type": .string($0.type)] }
    }
  }
}
