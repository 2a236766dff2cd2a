import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform
import Synchronization
import TestSupport
import Testing

/// A server with a workspace, and with apps in its folders. Nothing of them is left when nobody holds it any more.
final class AppHome {
  let server: TestServer
  private(set) var client: Client
  let workspace: String
  /// Every process of every app has this in its environment.
  private let marker: String

  /// - Parameter apps: More of the configuration's `apps`.
  init(apps: JSONObject = [:]) throws {
    let name = Identifier.make("home")
    marker = "BERTH_TEST_HOME=\(name)"
    var config: JSONObject = [
      "environment": ["BERTH_TEST_HOME": .string(name)], "ports": Self.nextPorts(),
    ]
    for member in apps.members { config[member.key] = member.value }
    server = try TestServer(config: JSONValue.object(["apps": .object(config)]).jsonString)
    client = try server.connect()
    let path = server.folder.path + "/ws"
    workspace = try client.request(WorkspaceCreate.self, .init(path: path)).workspace.id
  }

  deinit {
    server.kill()
    // What the server would have taken over is ended, and its folder is removed next: shims must have written their last.
    let isGone = waits(seconds: 20) { [marker, path = server.folder.path] in
      let left = Self.processes(with: marker)
      for process in left { kill(process, SIGKILL) }
      return left.isEmpty && Self.shims(in: path).isEmpty
    }
    if !isGone { Issue.record("processes of the test's apps are left") }
  }

  /// Homes that are in use at once share no ports.
  private static func nextPorts() -> JSONValue {
    let number = homes.withLock { number in
      number += 1
      return (Int(getpid()) * 31 + number) % 500
    }
    return ["first": .integer(10_000 + number * 40), "last": .integer(10_039 + number * 40)]
  }

  private static let homes = Mutex(0)

  // MARK: Making apps

  var path: String { server.folder.path + "/ws" }

  /// Writes a manifest into a folder of the app's name.
  func write(_ app: String, _ manifest: String) throws {
    try server.folder.write("ws/\(app)/app.runtime.yaml", "app_id: \(app)\n\(manifest)\n")
  }

  @discardableResult
  func install(
    _ app: String, _ manifest: String, env: [String: String]? = nil, secretEnv: [String: String]? = nil
  ) throws -> App {
    try write(app, manifest)
    return try call(
      AppInstall.self, .init(workspace: workspace, folder: app, env: env, secretEnv: secretEnv)
    ).app
  }

  /// A command that listens on a port, and answers each request with 200. It becomes the process itself.
  func listener(_ port: String = "$PORT", delaySeconds: Double = 0) throws -> String {
    try server.folder.write(
      "listen.pl",
      """
      use IO::Socket::INET;
      $SIG{PIPE} = 'IGNORE'; $| = 1;
      select(undef, undef, undef, $ARGV[1]);
      my $socket = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1', LocalPort => $ARGV[0], ReuseAddr => 1)
        or die "cannot listen: $!";
      print "listening on $ARGV[0]\\n";
      while (my $client = $socket->accept) {
        $client->recv(my $request, 4096);
        print $client "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok";
        close $client;
      }
      """)
    return "exec perl \(server.folder.path)/listen.pl \(port) \(delaySeconds)"
  }

  // MARK: Calling

  func call<M: Method>(_ method: M.Type, _ params: M.Params) throws -> M.Result {
    try client.request(method, params)
  }

  func app(_ app: String) throws -> App { try call(AppGet.self, .init(app: app)) }

  @discardableResult
  func start(_ app: String) throws -> App { try call(AppStart.self, .init(app: app, waitSeconds: 30)) }

  @discardableResult
  func stop(_ app: String, graceSeconds: Double? = nil) throws -> App {
    try call(AppStop.self, .init(app: app, graceSeconds: graceSeconds))
  }

  func ensureRunning(_ apps: [String]? = nil) throws -> AppsOutcome {
    try call(AppEnsureRunning.self, .init(workspace: workspace, apps: apps, waitSeconds: 30))
  }

  /// The error's word that a call ends with.
  func failure<M: Method>(_ method: M.Type, _ params: M.Params) throws -> CallError? {
    do {
      let result = try call(method, params)
      Issue.record("\(M.description.name) should have failed, but answered \(result)")
      return nil
    } catch let error as CallError {
      return error
    }
  }

  /// The texts of an app's last lines.
  func lines(_ app: String, tail: Int = 1000) throws -> [String] {
    try call(AppLogs.self, .init(app: app, tail: tail)).lines.compactMap { $0.payload["text"]?.stringValue }
  }

  /// Kills the server as a crash would, and starts another.
  func crash(meanwhile: () throws -> Void = {}) throws {
    server.kill()
    try meanwhile()
    try server.start()
    client = try server.connect()
  }

  // MARK: Waiting

  /// Waits until an app is as wanted.
  @discardableResult
  func until(_ app: String, _ what: String = "the awaited state", _ condition: (App) -> Bool) throws -> App {
    var last: App?
    let came = try waits {
      last = try self.app(app)
      return last.map(condition) ?? false
    }
    guard came, let last else {
      throw DeadlinePassed(description: "\(what) of \(app) has not come, but \(last.map { "\($0)" } ?? "nothing")")
    }
    return last
  }

  @discardableResult
  func until(_ app: String, _ state: AppState) throws -> App { try until(app, "\(state)") { $0.state == state } }

  /// Waits until something that is no app's state has come about.
  func until(_ what: String, _ condition: () throws -> Bool) throws {
    guard try waits(condition) else { throw DeadlinePassed(description: "\(what) has not come about") }
  }

  /// Waits for a file of the workspace, and what it holds.
  @discardableResult
  func file(_ name: String) throws -> String {
    try until("the file \(name)") { try server.folder.read("ws/\(name)")?.isEmpty == false }
    return try #require(try server.folder.read("ws/\(name)"))
  }

  // MARK: Processes

  /// The processes of an app, wherever they are.
  func processes(_ app: App) -> [Int32] { Self.processes(with: "BERTH_APP_ID=\(app.id)") }

  /// The processes of all apps.
  func processes() -> [Int32] { Self.processes(with: marker) }

  /// The shims of this home.
  func shims() -> [Int32] { Self.shims(in: server.folder.path) }

  private static func processes(with assignment: String) -> [Int32] {
    all { number in
      guard let bytes = try? SmallFile.read("/proc/\(number)/environ") else { return false }
      return bytes.split(separator: 0).contains { $0.elementsEqual(assignment.utf8) }
    }
  }

  private static func shims(in path: String) -> [Int32] {
    all { number in
      guard let bytes = try? SmallFile.read("/proc/\(number)/cmdline") else { return false }
      let words = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
      return words.count == 2 && words[0].hasSuffix("/berth-shim") && words[1].hasPrefix(path + "/")
    }
  }

  private static func all(where condition: (Int32) -> Bool) -> [Int32] {
    let names = (try? Directory(path: "/proc").entries().map(\.name.string)) ?? []
    return names.compactMap { Int32($0) }.filter { $0 != getpid() && condition($0) }
  }
}
