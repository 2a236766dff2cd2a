import BerthProtocol
import JSON
import Platform
import Supervisor

/// Starts an agent, asks it what it is, and ends it.
struct ACPProbe {
  private let agent: ResolvedAgent
  private let services: AgentServices
  private let began = Timestamp.monotonicNanoseconds()

  init(_ agent: ResolvedAgent, _ services: AgentServices) {
    self.agent = agent
    self.services = services
  }

  private enum Event: Sendable {
    case program(HeldProgram.Event)
    case timeout
  }

  private struct Heard {
    var answer: JSONObject?
    var error: String?
    var lines: [String] = []
  }

  func result(timeoutSeconds: Double) async -> AgentProbeResult {
    if let fault = ACPDriver.fault(of: agent) { return told(false, fault) }
    let id = Identifier.make("prb")
    let supervision = services.supervision
    let (events, sink) = AsyncStream.makeStream(of: Event.self)
    let program: HeldProgram
    do {
      let folder = services.home.path
      let words = ["workspace": folder, "session": id, "run": id]
      program = try HeldProgram.start(
        id, ACPPrograms.plan(agent, directory: folder, words: words), supervision: supervision,
        tell: { sink.yield(.program($0)) })
    } catch {
      return told(false, ACPPrograms.words(for: error, agent))
    }
    var connection = ACPConnection(plan: "")
    connection.ask(.initialize, "initialize", ACPPrograms.greeting)
    if let (bytes, offset) = connection.unsent { _ = try? program.send(bytes, at: offset) }
    let timer = Task(executorPreference: services.pool) {
      guard (try? await Task.sleep(for: .seconds(timeoutSeconds))) != nil else { return }
      sink.yield(.timeout)
    }
    let result = await listen(to: program, events, timeoutSeconds)
    timer.cancel()
    program.letGo()
    await ACPPrograms.end(id, supervision)
    HeldProgram.remove(id, supervision: supervision)
    return result
  }

  private func listen(
    to program: HeldProgram, _ events: AsyncStream<Event>, _ timeoutSeconds: Double
  ) async -> AgentProbeResult {
    var output = program.output(after: nil)
    var heard = Heard()
    for await event in events {
      switch event {
      case .program(.output):
        program.beginReading()
        while (try? output.read(wantedBytes: 1 << 20, { Self.take($0, &heard) })) == false {}
        if heard.answer != nil || heard.error != nil { return judge(heard) }
      case .program(.ended):
        while (try? output.read(wantedBytes: 1 << 20, isFinal: true, { Self.take($0, &heard) })) == false {}
        if heard.answer != nil || heard.error != nil { return judge(heard) }
        return told(false, "It ended before it had answered.", lines: heard.lines)
      case .timeout:
        return told(
          false, "It has not answered within \(timeoutSeconds) s. It may not speak the Agent Client Protocol.",
          lines: heard.lines)
      case .program: break
      }
    }
    return told(false, "The server stopped.")
  }

  private static func take(_ line: HeldOutput.Line, _ heard: inout Heard) {
    if line.source == .error {
      heard.lines.append(String(decoding: line.text.prefix(1000), as: UTF8.self))
      if heard.lines.count > 10 { heard.lines.removeFirst() }
      return
    }
    switch ACPMessage(line.text) {
    case .result(0, let result): heard.answer = result
    case .failure(0, let error): heard.error = error.message
    default: break
    }
  }

  private func judge(_ heard: Heard) -> AgentProbeResult {
    guard let answer = heard.answer else {
      return told(false, "It answered with an error: \(heard.error ?? "")", lines: heard.lines)
    }
    let version = answer["protocolVersion"]?.intValue
    let methods = answer["authMethods"]?.arrayValue ?? []
    var result = told(version == 1, "")
    if version != 1 {
      let spoken = answer["protocolVersion"]?.jsonString ?? "none"
      result.message = "It speaks version \(spoken) of the Agent Client Protocol, and this server version 1."
      result.lines = heard.lines
    } else {
      let info = answer["agentInfo"]
      let name = info?["title"]?.stringValue ?? info?["name"]?.stringValue ?? agent.title
      result.message = "\(name) is there." + (methods.isEmpty ? "" : " It knows logins, and may want one.")
    }
    result.version = answer["agentInfo"]?["version"]?.stringValue
    result.protocolVersion = version
    result.capabilities = answer["agentCapabilities"]?.objectValue
    result.authMethods = ACPPrograms.authMethods(methods)
    return result
  }

  private func told(_ ok: Bool, _ message: String, lines: [String]? = nil) -> AgentProbeResult {
    let milliseconds = Int((Timestamp.monotonicNanoseconds() - began) / 1_000_000)
    return AgentProbeResult(
      agent: agent.name, ok: ok, message: message, durationMs: milliseconds,
      lines: lines?.isEmpty == false ? lines : nil)
  }
}
