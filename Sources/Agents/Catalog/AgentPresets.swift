import BerthProtocol

enum AgentPresets {
  static let all: [AgentPreset] = []
  static func config(_ name: String) -> AgentConfig? { nil }
}
