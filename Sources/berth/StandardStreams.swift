import BerthClient
import BerthProtocol
import BerthServer
import Glibc
import Platform
import Synchronization

/// This process's standard input and output, in a form that a server can wait for.
///
/// Pipes and sockets go as they are. Files and terminals stay here, and are copied from and to a socket.
struct StandardStreams {
  let input: OwnedDescriptor
  let output: OwnedDescriptor
  /// Waits until everything that was answered has been written.
  let finish: @Sendable () -> Void

  init(input: OwnedDescriptor, output: OwnedDescriptor) throws {
    if input.isPipeOrSocket, output.isPipeOrSocket {
      (self.input, self.output, finish) = (input, output, {})
    } else {
      let (socket, finish) = try Pump.start(input: input, output: output)
      (self.input, self.output, self.finish) = (socket, socket, finish)
    }
  }

  /// `berth serve --stdio`: hands standard input and output to the home's server, and exits when it says so.
  static func join(home: Home, socket: String?) throws -> Never {
    signal(SIGPIPE, SIG_IGN)
    let input = try OwnedDescriptor.takeStandard(STDIN_FILENO, replacement: .null)
    let output = try OwnedDescriptor.takeStandard(STDOUT_FILENO, replacement: .standardError)
    let (accepted, finish) = try offer(input: input, output: output, home: home, socket: socket)
    if accepted.serverVersion != Server.version {
      printError(
        "berth: note: the server of this home is berth \(accepted.serverVersion), this is berth \(Server.version); "
          + "`berth stop` ends it, and the next start is of this version")
    }
    guard let code = Handover.waitForExit(accepted) else {
      printError("berth: the server has gone")
      exit(1)
    }
    finish()
    exit(code)
  }

  /// The descriptors are given up here when this returns: they are the server's.
  private static func offer(
    input: OwnedDescriptor, output: OwnedDescriptor, home: Home, socket: String?
  ) throws -> (Handover.Accepted, finish: @Sendable () -> Void) {
    let streams = try StandardStreams(input: input, output: output)
    let offer = { (path: String) in
      try Handover.offer(input: streams.input, output: streams.output, to: Home.handoverSocket(for: path))
    }
    do {
      if let path = socket ?? ServerRecord(home: home)?.socket, !path.isEmpty, let accepted = try? offer(path) {
        return (accepted, streams.finish)
      }
      let server = try Launch.start(home: home, socket: socket, program: ChildProcess.ownProgram)
      return (try offer(server.socket), streams.finish)
    } catch let error as Handover.Refused {
      throw Failure(error.reason)
    } catch let error as Launch.Unavailable {
      throw Failure(error.reason)
    }
  }
}

/// An exit code that is set on one thread and read on another.
final class ExitCode: Sendable {
  private let code = Mutex<Int32>(1)

  var value: Int32 { code.withLock { $0 } }

  func set(_ value: Int32) {
    code.withLock { $0 = value }
  }
}

func printError(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = write(STDERR_FILENO, bytes, bytes.count)
}
