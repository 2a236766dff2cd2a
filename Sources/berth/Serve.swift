import ArgumentParser
import BerthClient
import BerthProtocol
import BerthServer
import Glibc
import JSON
import Logging
import Platform
import Storage
import Streams

/// `berth serve`: the server itself, and the ways to reach it from a parent process.
struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Run the server of a home.",
    discussion: """
      Without options the server runs in the foreground and logs to standard error. With --stdio it speaks over \
      standard input and output: it joins the home's server, which is started where none runs.
      """)

  @Flag(help: "Speak over standard input and output, as editors want it.")
  var stdio = false

  @Flag(help: "With --stdio: serve the home in this process, and refuse one that is taken.")
  var inProcess = false

  @Flag(help: "Start in the background; return when it answers, and print its socket, pid and version as JSON.")
  var detach = false

  @Option(help: "The folder of the server's state.", completion: .directory)
  var home: String?

  @Option(help: "The socket to listen on.", completion: .file())
  var socket: String?

  @Option(help: "The least grave line to log: trace, debug, info, notice, warning, error, critical.")
  var logLevel: String?

  @Option(help: "Log to a file, which is rotated by size.", completion: .file())
  var logFile: String?

  @Flag(help: "Log one JSON object a line.")
  var logJson = false

  @Flag(help: "Leave after config.server.idleExitSeconds without clients and work.")
  var leaveWhenIdle = false

  @Flag(help: "Put a damaged database aside and begin with an empty one.")
  var recover = false

  func validate() throws {
    if inProcess, !stdio { throw ValidationError("--in-process needs --stdio.") }
    if detach, stdio { throw ValidationError("--detach and --stdio exclude each other.") }
    if let logLevel, LogLevel(rawValue: logLevel) == nil {
      throw ValidationError(
        "There is no log level “\(logLevel)”: use trace, debug, info, notice, warning, error or critical.")
    }
    if let socket, Home.handoverSocket(for: socket).utf8.count > Home.longestSocket {
      throw ValidationError("The socket's path is too long: at most \(Home.longestSocket - 3) bytes.")
    }
  }

  func run() async throws {
    let home = Home(home)
    do {
      switch (stdio, inProcess, detach) {
      case (true, true, _): try await ServerProcess.serveInProcess(try options(home))
      case (true, false, _): try StandardStreams.join(home: home, socket: socket)
      case (_, _, true): try Detached.start(home: home, arguments: detachedArguments(home))
      default: try await ServerProcess.serveForeground(try options(home))
      }
    } catch let error as Server.HomeTaken {
      let holder = error.holder.map { " (pid \($0.pid), version \($0.version))" } ?? ""
      throw Failure(
        "the home \(home.path) has a server already\(holder); stop it with `berth stop`, or choose another home")
    } catch let error as StorageError {
      throw Failure(error.message)
    } catch let error as ProtocolError {
      throw Failure(error.message)
    } catch let error as SystemError {
      throw Failure("\(error)")
    }
  }

  private func options(_ home: Home) throws -> Server.Options {
    try home.create()
    let file = try logFile.map { path throws(SystemError) in try LogFile(path: path) }
    let level = logLevel.flatMap(LogLevel.init(rawValue:))
    return Server.Options(
      home: home, socket: socket, inherited: SystemdSocket.take(), leavesWhenIdle: leaveWhenIdle,
      log: LogOutput(file: file, level: level.map(Logger.Level.init), writesJSON: logJson), recoversDatabase: recover)
  }

  /// What the process in the background is started with.
  private func detachedArguments(_ home: Home) -> [String] {
    var arguments = ["serve", "--home", home.path, "--log-file", logFile ?? home.log]
    if let socket { arguments += ["--socket", socket] }
    if let logLevel { arguments += ["--log-level", logLevel] }
    if logJson { arguments.append("--log-json") }
    if leaveWhenIdle { arguments.append("--leave-when-idle") }
    if recover { arguments.append("--recover") }
    return arguments
  }
}
