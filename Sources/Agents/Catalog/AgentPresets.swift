import BerthProtocol
import Glibc
import Platform

/// A well-known agent, which needs only a program that is installed, or a key.
struct KnownAgent: Sendable {
  let name: String
  let title: String
  /// The program and its arguments; empty for a model.
  var command: [String] = []
  /// A model's endpoint.
  var baseUrl: String?
  /// The name of the secret that it usually needs.
  var secret: String?
  /// How to get it.
  let hint: String
  /// How large a model's context is, where that is far from the usual.
  var contextTokens: Int?

  var kind: AgentKind { baseUrl == nil ? .acp : .model }

  /// What a declaration with this preset starts from.
  var config: AgentConfig {
    var config = AgentConfig(kind: kind, title: title)
    config.command = command.first
    if command.count > 1 { config.args = Array(command.dropFirst()) }
    config.baseUrl = baseUrl
    if let contextTokens { config.contextTokens = contextTokens }
    return config
  }

  /// - Parameter isInstalled: Whether a program is in the server's PATH.
  func preset(isInstalled: (String) -> Bool) -> AgentPreset {
    AgentPreset(
      name: name, kind: kind, title: title, command: command.isEmpty ? nil : command, baseUrl: baseUrl,
      secret: secret, hint: hint, available: command.first.map(isInstalled) ?? true)
  }
}

/// The agents that can be declared by a name.
enum AgentPresets {
  /// By name.
  static let known: [KnownAgent] = (programs + providers).sorted { $0.name < $1.name }

  /// What clients are told of them, with whether their programs are there now.
  static var all: [AgentPreset] {
    let path = ProcessEnvironment.current.first { $0.name == "PATH" }?.value ?? "/usr/local/bin:/usr/bin:/bin"
    let folders = path.split(separator: ":").filter { $0.hasPrefix("/") }
    return known.map { agent in
      agent.preset { program in folders.contains { access("\($0)/\(program)", X_OK) == 0 } }
    }
  }

  /// What a declaration with a preset starts from; nil where there is no such preset.
  static func config(_ name: String) -> AgentConfig? { known.first { $0.name == name }?.config }

  // MARK: Programs that speak the Agent Client Protocol

  private static let programs: [KnownAgent] = [
    KnownAgent(
      name: "claude-code", title: "Claude Code",
      command: ["npx", "-y", "@agentclientprotocol/claude-agent-acp"], secret: "ANTHROPIC_API_KEY",
      hint: "Install Node.js, and log in with `claude`, or make a key at https://console.anthropic.com."),
    KnownAgent(
      name: "codex", title: "Codex", command: ["npx", "-y", "@agentclientprotocol/codex-acp"],
      secret: "OPENAI_API_KEY",
      hint: "Install Node.js, and log in with `codex login`, or make a key at https://platform.openai.com/api-keys."),
    KnownAgent(
      name: "gemini", title: "Gemini CLI", command: ["gemini", "--acp"], secret: "GEMINI_API_KEY",
      hint:
        "Install it with `npm install -g @google/gemini-cli` and log in with `gemini`, or make a key at https://aistudio.google.com/apikey."
    ),
    KnownAgent(
      name: "goose", title: "goose", command: ["goose", "acp"],
      hint: "Install it as https://goose-docs.ai says, and choose a provider with `goose configure`."),
    KnownAgent(
      name: "opencode", title: "OpenCode", command: ["opencode", "acp"],
      hint: "Install it with `npm install -g opencode-ai`, and log in with `opencode auth login`."),
    KnownAgent(
      name: "qwen-code", title: "Qwen Code", command: ["qwen", "--acp"], secret: "OPENAI_API_KEY",
      hint: "Install it with `npm install -g @qwen-code/qwen-code`, and log in with `qwen`."),
    KnownAgent(
      name: "kimi", title: "Kimi CLI", command: ["kimi", "acp"], secret: "KIMI_API_KEY",
      hint: "Install it with `uv tool install kimi-cli`, and log in with `kimi login`."),
    KnownAgent(
      name: "auggie", title: "Auggie", command: ["auggie", "--acp"], secret: "AUGMENT_SESSION_AUTH",
      hint: "Install it with `npm install -g @augmentcode/auggie`, and log in with `auggie login`."),
    KnownAgent(
      name: "copilot", title: "GitHub Copilot", command: ["copilot", "--acp"], secret: "GH_TOKEN",
      hint: "Install it with `npm install -g @github/copilot`, and log in with `copilot login`."),
    KnownAgent(
      name: "cursor", title: "Cursor", command: ["cursor-agent", "acp"], secret: "CURSOR_API_KEY",
      hint: "Install it as https://cursor.com/cli says, and log in with `cursor-agent login`."),
    KnownAgent(
      name: "cline", title: "Cline", command: ["cline", "--acp"],
      hint: "Install it with `npm install -g cline`, and log in with `cline auth`."),
    KnownAgent(
      name: "droid", title: "Factory Droid", command: ["droid", "exec", "--output-format", "acp-daemon"],
      secret: "FACTORY_API_KEY",
      hint: "Install it as https://docs.factory.ai says, and log in with `droid`, or make a key there."),
    KnownAgent(
      name: "vibe", title: "Mistral Vibe", command: ["vibe-acp"], secret: "MISTRAL_API_KEY",
      hint: "Install it with `uv tool install mistral-vibe`, and make a key at https://console.mistral.ai."),
  ]

  // MARK: OpenAI-compatible providers

  private static let providers: [KnownAgent] = [
    provider("openai", "OpenAI", "https://api.openai.com/v1", "https://platform.openai.com/api-keys"),
    provider("anthropic", "Anthropic", "https://api.anthropic.com/v1", "https://console.anthropic.com", 200_000),
    provider(
      "google", "Google Gemini", "https://generativelanguage.googleapis.com/v1beta/openai",
      "https://aistudio.google.com/apikey", 1_000_000),
    provider("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", "https://openrouter.ai/keys"),
    provider("groq", "Groq", "https://api.groq.com/openai/v1", "https://console.groq.com/keys"),
    provider("mistral", "Mistral", "https://api.mistral.ai/v1", "https://console.mistral.ai/api-keys"),
    provider("deepseek", "DeepSeek", "https://api.deepseek.com/v1", "https://platform.deepseek.com/api_keys"),
    provider("together", "Together AI", "https://api.together.xyz/v1", "https://api.together.ai/settings/api-keys"),
    provider("xai", "xAI", "https://api.x.ai/v1", "https://console.x.ai"),
    provider(
      "fireworks", "Fireworks AI", "https://api.fireworks.ai/inference/v1",
      "https://app.fireworks.ai/settings/users/api-keys"),
    provider("cerebras", "Cerebras", "https://api.cerebras.ai/v1", "https://cloud.cerebras.ai"),
    local(
      "ollama", "Ollama", "http://127.0.0.1:11434/v1",
      "Install it as https://ollama.com says, get a model with `ollama pull`, and set its `model`. Raise OLLAMA_CONTEXT_LENGTH and set `contextTokens` to the same."
    ),
    local(
      "lm-studio", "LM Studio", "http://127.0.0.1:1234/v1",
      "Install it as https://lmstudio.ai says, load a model, and start its server with `lms server start`."),
    local(
      "llama-cpp", "llama.cpp", "http://127.0.0.1:8080/v1",
      "Start it with `llama-server --jinja -m MODEL.gguf -c 32768`; `--jinja` is what tools need."),
    local(
      "vllm", "vLLM", "http://127.0.0.1:8000/v1",
      "Start it with `vllm serve MODEL --enable-auto-tool-choice --tool-call-parser PARSER`."),
    KnownAgent(
      name: "litellm", title: "LiteLLM proxy", baseUrl: "http://127.0.0.1:4000/v1", secret: ModelEndpoint.secret,
      hint: "Start it with `litellm --config config.yaml`. Its key is the master key, or a virtual one."),
  ]

  private static func provider(
    _ name: String, _ title: String, _ baseUrl: String, _ keys: String, _ contextTokens: Int? = nil
  ) -> KnownAgent {
    KnownAgent(
      name: name, title: title, baseUrl: baseUrl, secret: ModelEndpoint.secret,
      hint: "Make a key at \(keys), keep it with `agent/configure`, and set `model`.", contextTokens: contextTokens)
  }

  /// A server on this machine: it needs no key, and its context is small if nobody says otherwise.
  private static func local(_ name: String, _ title: String, _ baseUrl: String, _ hint: String) -> KnownAgent {
    KnownAgent(name: name, title: title, baseUrl: baseUrl, hint: hint, contextTokens: 32_768)
  }
}
