package import JSON

/// The app's MCP server.
package struct ManifestMCP: Sendable, Hashable {
  package enum Transport: String, Sendable, CaseIterable {
    case httpSSE = "http-sse"
    case streamableHTTP = "streamable-http"
  }

  package let isEnabled: Bool
  package let transport: Transport?
  /// Where it answers, behind host and port.
  package let path: String?
  /// The names of its tools, those of a top-level `tools` included.
  package let tools: [String]
}

/// An account of the user's elsewhere that the app works with.
package struct ManifestIntegration: Sendable, Hashable {
  package enum CredentialSource: String, Sendable, CaseIterable {
    case platform, manual, broker
  }

  /// `destination` or `provider`.
  package let provider: String?
  package let credentialSource: CredentialSource?
  package let scopes: [String]
  package let isRequired: Bool
  /// The whole entry, as it is written.
  package let details: JSONValue
}

/// A part of an app, in the older form of the file.
package struct ManifestService: Sendable, Hashable {
  package let name: String
  /// For `/bin/sh -c`.
  package let start: String?
  /// The whole entry, as it is written.
  package let details: JSONValue
}
