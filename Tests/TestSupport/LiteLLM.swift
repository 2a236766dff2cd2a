import Glibc
import Platform

/// litellm's proxy with models that always say the same, as a real endpoint that is compatible with OpenAI's. It ends
/// when nobody holds it any more.
package final class LiteLLM {
  package static let isInstalled = RealAgents.has("bin/litellm")
  /// What the model `mock` says.
  package static let answer = "Grüße: here is where a ship lies, in several pieces 😀."

  /// The endpoint, up to `/v1`.
  package let url: String
  private let folder: TemporaryFolder
  private let process: ChildProcess

  /// Starts it, and returns when it answers. Its models are `mock` and `limited`, which wants fewer requests.
  package init() throws {
    folder = try TemporaryFolder()
    try folder.write(
      "config.yaml",
      """
      model_list:
        - model_name: mock
          litellm_params: {model: openai/gpt-4o, api_key: x, mock_response: "\(Self.answer)"}
        - model_name: limited
          litellm_params: {model: openai/gpt-4o, api_key: x, mock_response: "litellm.RateLimitError"}
      """)
    let port = try ListeningSocket().port
    url = "http://127.0.0.1:\(port)/v1"
    let log = try OwnedDescriptor.appending(to: folder.path + "/log")
    process = try ChildProcess(
      "/usr/bin/env",
      [
        "LITELLM_LOCAL_MODEL_COST_MAP=True", "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY=true",
        RealAgents.path("bin/litellm"), "--config", folder.path + "/config.yaml", "--host", "127.0.0.1", "--port",
        "\(port)",
      ], input: .null(), output: log, error: log, newSession: true)
    let answers = waits(seconds: 150) {
      (try? folder.shell("curl -sf -m 5 -o /dev/null http://127.0.0.1:\(port)/health/liveliness")) != nil
    }
    guard answers else {
      process.send(SIGKILL)
      process.wait()
      throw DeadlinePassed(description: "litellm does not answer: \((try? folder.read("log")) ?? "")")
    }
  }

  deinit {
    process.send(SIGKILL)
    process.wait()
  }
}
