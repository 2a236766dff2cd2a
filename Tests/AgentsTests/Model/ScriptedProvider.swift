import JSON
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import TestSupport

/// An OpenAI-compatible endpoint that answers request after request as a test wants.
final class ScriptedProvider: Sendable {
  /// What an answer is made of.
  enum Part: Sendable {
    case status(Int, [String: String])
    /// Bytes, sent by themselves.
    case bytes([UInt8])
    /// Nothing more, until `release` is called with this.
    case wait(String)
    /// The connection is closed, whatever is still to come.
    case cut
    /// Nothing more, for ever.
    case silence
  }

  struct Request: Sendable {
    let method: String
    let uri: String
    /// By their names in lower case.
    let headers: [String: String]
    let body: JSONValue
  }

  private struct State {
    var scripts: [[Part]] = []
    var requests: [Request] = []
    var arrivals: [(Int, CheckedContinuation<Void, Never>)] = []
    var released: Set<String> = []
    var waiting: [String: [CheckedContinuation<Void, Never>]] = [:]
    var open = 0
  }

  private let state = Mutex(State())
  private let channel: any Channel
  var port: Int { channel.localAddress?.port ?? 0 }
  var baseUrl: String { "http://127.0.0.1:\(port)/v1" }

  init(_ scripts: [[Part]] = []) async throws {
    let holder = Holder()
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
          try channel.pipeline.syncOperations.addHandler(Handler(holder))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    state.withLock { $0.scripts = scripts }
    holder.current = self
  }

  deinit {
    channel.close(promise: nil)
    let waiting = state.withLock { state in
      state.waiting.values.flatMap { $0 } + state.arrivals.map(\.1)
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Adds answers behind those that there are.
  func answer(_ scripts: [Part]...) { state.withLock { $0.scripts += scripts } }

  var requests: [Request] { state.withLock { $0.requests } }
  /// How many connections are open.
  var connections: Int { state.withLock { $0.open } }

  /// Lets those go on that wait for this.
  func release(_ name: String) {
    let waiting = state.withLock { state in
      state.released.insert(name)
      return state.waiting.removeValue(forKey: name) ?? []
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Awaits that so many requests have come.
  func arrival(of count: Int) async throws {
    try await withDeadline(seconds: 30, "request \(count)") {
      await withCheckedContinuation { continuation in
        let isThere = self.state.withLock { state in
          if state.requests.count >= count { return true }
          state.arrivals.append((count, continuation))
          return false
        }
        if isThere { continuation.resume() }
      }
    }
  }

  // MARK: Serving

  fileprivate func take(_ request: Request) -> [Part] {
    let (script, arrived) = state.withLock { state in
      state.requests.append(request)
      let count = state.requests.count
      let arrived = state.arrivals.filter { $0.0 <= count }.map(\.1)
      state.arrivals.removeAll { $0.0 <= count }
      let script: [Part] =
        state.scripts.isEmpty
        ? [.status(500, [:]), .bytes(Array("{\"error\":{\"message\":\"not in the script\"}}".utf8))]
        : state.scripts.removeFirst()
      return (script, arrived)
    }
    for continuation in arrived { continuation.resume() }
    return script
  }

  fileprivate func play(_ script: [Part], on channel: any Channel) async throws {
    var hasBegun = false
    for part in script {
      switch part {
      case .status(let status, let headers):
        try await begin(status, headers, channel)
        hasBegun = true
      case .bytes(let bytes):
        if !hasBegun { try await begin(200, [:], channel) }
        hasBegun = true
        try await channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: bytes))))
      case .wait(let name): await wait(name)
      case .cut:
        try await channel.close()
        return
      case .silence: return
      }
    }
    if !hasBegun { try await begin(200, [:], channel) }
    try await channel.writeAndFlush(HTTPServerResponsePart.end(nil))
  }

  private func begin(_ status: Int, _ headers: [String: String], _ channel: any Channel) async throws {
    var fields = HTTPHeaders(headers.map { ($0.key, $0.value) })
    if fields["content-type"].isEmpty {
      fields.add(name: "content-type", value: status == 200 ? "text/event-stream" : "application/json")
    }
    let head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: fields)
    try await channel.writeAndFlush(HTTPServerResponsePart.head(head))
  }

  fileprivate func wait(_ name: String) async {
    await withCheckedContinuation { continuation in
      let isReleased = state.withLock { state in
        if state.released.contains(name) { return true }
        state.waiting[name, default: []].append(continuation)
        return false
      }
      if isReleased { continuation.resume() }
    }
  }

  fileprivate func connected(_ change: Int) { state.withLock { $0.open += change } }

  fileprivate final class Holder: Sendable {
    /// Not owned: a connection must not keep its server.
    struct Weak { weak var provider: ScriptedProvider? }
    private let weak = Mutex(Weak())
    var current: ScriptedProvider? {
      get { weak.withLock { $0.provider } }
      set { weak.withLock { $0.provider = newValue } }
    }
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart
    private let holder: Holder
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(_ holder: Holder) { self.holder = holder }

    func channelActive(context: ChannelHandlerContext) { holder.current?.connected(1) }
    func channelInactive(context: ChannelHandlerContext) { holder.current?.connected(-1) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head(let head):
        self.head = head
        body = []
      case .body(let part): body += part.readableBytesView
      case .end:
        guard let head, let provider = holder.current else { return context.close(promise: nil) }
        let script = provider.take(
          Request(
            method: head.method.rawValue, uri: head.uri,
            headers: Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }) { $0 + ", " + $1 },
            body: (try? JSONParser.parse(body)) ?? .null))
        let channel = context.channel
        Task { try? await provider.play(script, on: channel) }
      }
    }
  }
}

extension ScriptedProvider.Part {
  static func text(_ text: String) -> Self { .bytes(Array(text.utf8)) }

  static func event(_ json: JSONValue) -> Self { .text("data: \(json.jsonString)\n\n") }

  static func delta(_ delta: JSONObject, finish: String? = nil) -> Self {
    let choice: JSONObject = [
      "index": 0, "delta": .object(delta), "finish_reason": finish.map { .string($0) } ?? .null,
    ]
    return .event(["object": "chat.completion.chunk", "choices": [.object(choice)]])
  }

  static func said(_ text: String) -> Self { .delta(["content": .string(text)]) }

  static func finish(_ reason: String) -> Self { .delta([:], finish: reason) }

  static let done = Self.text("data: [DONE]\n\n")

  static func usage(_ input: Int, _ output: Int, cached: Int = 0) -> Self {
    .event([
      "choices": [],
      "usage": [
        "prompt_tokens": .integer(input), "completion_tokens": .integer(output),
        "prompt_tokens_details": ["cached_tokens": .integer(cached)],
      ],
    ])
  }

  /// A call of a tool, whole.
  static func call(_ id: String, _ name: String, _ arguments: JSONObject, index: Int = 0) -> Self {
    .delta([
      "tool_calls": [
        [
          "index": .integer(index), "id": .string(id), "type": "function",
          "function": ["name": .string(name), "arguments": .string(arguments.jsonString)],
        ]
      ]
    ])
  }

  static func error(_ status: Int, _ message: String, code: String? = nil, _ headers: [String: String] = [:]) -> [Self]
  {
    var error: JSONObject = ["message": .string(message)]
    if let code { error["code"] = .string(code) }
    return [.status(status, headers), .text(JSONObject([.init(key: "error", value: .object(error))]).jsonString)]
  }
}

extension [ScriptedProvider.Part] {
  /// A whole answer.
  static func answer(_ text: String) -> Self { [.said(text), .finish("stop"), .done] }

  /// An answer that uses tools.
  static func calls(_ calls: ScriptedProvider.Part...) -> Self { calls + [.finish("tool_calls"), .done] }
}
