import BerthClient
import BerthProtocol
import Glibc
import JSON
import Platform
import TestSupport
import Testing

/// Languages and servers of the distribution, each on a machine that was never used before: installed, asked for their
/// versions, and taken away without a trace. All of them take a quarter of an hour, so that they are tried when
/// `BERTH_TEST_CATALOG` is set (`make test-catalog`); the tests of connections try a few always.
@Suite(.enabled(if: TestMachine.isInstalled && getenv("BERTH_TEST_CATALOG") != nil), .serialized)
struct CatalogMachineTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let runtime: String
    let server: String?
    /// What tells on the machine that it is there. Caddy makes a folder in the home of whoever asks it.
    let command: String
    var testDescription: String { server.map { "\(runtime) with \($0)" } ?? runtime }

    static let all = [
      Row(runtime: "python-system", server: "gunicorn", command: "python3 --version && gunicorn --version"),
      Row(runtime: "python-system", server: "uvicorn", command: "python3 --version && uvicorn --version"),
      Row(runtime: "python-system", server: "uwsgi", command: "uwsgi --version"),
      Row(runtime: "perl-system", server: "starman", command: "perl -v && starman --version"),
      Row(runtime: "ruby-system", server: "puma", command: "ruby --version && puma --version"),
      Row(runtime: "php-system", server: "php-fpm", command: "php --version && nginx -v"),
      Row(runtime: "php-system", server: "apache", command: "php --version && apache2 -v"),
      Row(runtime: "node-system", server: "nginx", command: "node --version && nginx -v"),
      Row(runtime: "go-system", server: "caddy", command: "go version && HOME=/dev/null caddy version"),
      Row(runtime: "java-system", server: "tomcat", command: "java -version && test -d /usr/share/tomcat10"),
      Row(runtime: "elixir-system", server: "nginx", command: "elixir --version && nginx -v"),
      Row(runtime: "rust-system", server: "nginx", command: "rustc --version && cargo --version"),
    ]
  }

  @Test(arguments: Row.all) func `comes and goes without a trace`(_ row: Row) throws {
    let machine = try TestMachine()
    let home = try ProvisioningHome()
    try home.add(machine)
    let before = try machine.inventory()
    let connection = try home.connect(try home.runtime(row.runtime, server: row.server), seconds: 900)
    #expect(connection.status == .connected, "\(connection)")
    try machine.shell("export HOME=/root PATH=$PATH:/usr/sbin; \(row.command)")
    let after = try machine.inventory()
    #expect(try home.client.request(ConnectionVerify.self, .init(connection: connection.id)).matches)
    _ = try home.connect(try home.runtime(row.runtime, server: row.server, name: "second"))
    try expectUnchanged(machine, since: after)
    for one in try home.client.request(ConnectionList.self, .init()).connections.reversed() {
      let gone = try home.disconnect(one.id)
      #expect(gone.status == .disconnected, "\(gone)")
    }
    try expectUnchanged(machine, since: before)
  }
}
