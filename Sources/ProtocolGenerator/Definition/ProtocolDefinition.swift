import JSON

/// Everything that the files in `Protocol/` define.
struct ProtocolDefinition {
  var info: JSONObject = [:]
  var errors: [ErrorDefinition] = []
  /// The types that more than one family uses.
  var shared: [Component] = []
  /// In the order of `familyOrder`, then by file name.
  var families: [Family] = []

  /// Every named type: the shared ones, then each family's.
  var components: [Component] { shared + families.flatMap(\.components) }
  var methods: [MethodDefinition] { families.flatMap(\.methods) }
  var events: [EventDefinition] { families.flatMap(\.events) }
}

/// A group of methods with the types and events that belong to them: one file.
struct Family {
  var name: String
  var description: String
  var file: String
  var methods: [MethodDefinition] = []
  var components: [Component] = []
  var events: [EventDefinition] = []
}

/// One request or notification.
struct MethodDefinition {
  enum Direction: String, CaseIterable {
    case clientToServer = "client-to-server"
    case serverToClient = "server-to-client"
  }

  var name: String
  var summary: String
  var description: String?
  var lane: String
  var serialKey: String?
  var scope: String
  var stability: String
  var direction: Direction
  var isNotification: Bool
  var opensStream: Bool
  var params: [Member]
  /// Nil for a notification.
  var result: MethodResult?
  var errors: [String]
  var place: Place
}

struct MethodResult {
  var name: String
  var schema: Schema
}

/// A type that has a name.
struct Component {
  var name: String
  var schema: Schema
  var place: Place

  var description: String { schema.description ?? "" }
}

struct ErrorDefinition {
  var name: String
  var code: Int
  var isRetryable: Bool
  /// Whether it may answer a request of any method, so that the methods do not name it.
  var isCommon: Bool
  var description: String
  var place: Place
}

/// An event that streams carry.
struct EventDefinition {
  var name: String
  /// The stream it comes on; `…` stands for an id.
  var stream: String
  var description: String
  var schema: Schema
  var place: Place
}
