package import BerthProtocol
import JSON
import Platform
import SSH
import Streams

/// Terminals: a shell on an instance, as a stream with input.
extension ConnectionService {
  /// Opens the shell of a terminal's connection, where it is not open.
  func openTerminal(_ id: String, size: BerthProtocol.TerminalSize?, isNew: Bool) async throws -> ConnectionStarted {
    if terminals[id] != nil { return ConnectionStarted(connection: try get(id), created: isNew) }
    let connection = try get(id)
    let size = size ?? connection.connectionDetails.terminal ?? BerthProtocol.TerminalSize(columns: 80, rows: 24)
    let channel: SSHChannel
    do {
      let machine = try await instances.machine(connection.targetResourceId)
      channel = try await machine.session.open(nil, terminal: SSH.TerminalSize(columns: size.columns, rows: size.rows))
    } catch {
      let error = ProtocolError(reaching: connection.targetName, error)
      fail(id, error, step: .connect)
      throw error
    }
    let stream = "terminal/\(id)"
    terminals.add(channel, id)
    let row = try change(id) { row, _ in
      row.connection.status = .connected
      row.connection.error = nil
      row.connection.errorMessage = nil
      row.connection.connectionDetails.terminal = size
      row.connection.connectionDetails.stream = stream
    }
    // Made by its first event, so that it can be followed at once.
    _ = try await store.streams.append(stream, [Self.output("")])
    // Ends with the channel.
    Task(executorPreference: instances.pool) { await self.read(channel, id, stream) }
    return ConnectionStarted(connection: row.connection, created: isNew)
  }

  /// Tells what a shell writes, until it ends.
  private func read(_ channel: SSHChannel, _ id: String, _ stream: String) async {
    var text = UTF8Pieces()
    do {
      while let piece = try await channel.read() {
        let whole = text.add(piece.bytes)
        if !whole.isEmpty { _ = try await store.streams.append(stream, [Self.output(whole)]) }
      }
    } catch {
      let told = ProtocolError(reaching: "the instance", error).message
      _ = try? await store.streams.append(stream, [Self.output("\r\n[\(told)]\r\n")])
    }
    let exit = try? await channel.exit()
    _ = terminals.remove(id)
    channel.close()
    _ = try? change(id) { row, _ in
      row.connection.status = .disconnected
      row.connection.connectionDetails.exitCode = exit?.code
    }
    _ = try? await store.streams.append(stream, [], close: true)
  }

  private static func output(_ text: String) -> NewJournalEvent {
    NewJournalEvent(type: EventType.terminalOutput, payload: TerminalOutput(text: text))
  }

  private func terminal(_ id: String) throws -> SSHChannel {
    if let channel = terminals[id] { return channel }
    throw Self.wrongState(try get(id), "It has no shell open.")
  }

  /// `connection/input`.
  package func input(_ params: ConnectionInput.Params) async throws {
    let channel = try terminal(params.connection)
    do {
      try await channel.write(Array(params.text.utf8))
    } catch {
      throw ProtocolError(reaching: try get(params.connection).targetName, error)
    }
  }

  /// `connection/resize`.
  package func resize(_ params: ConnectionResize.Params) async throws {
    let size = params.terminal
    do {
      try await terminal(params.connection).resize(SSH.TerminalSize(columns: size.columns, rows: size.rows))
    } catch let error as SSHError {
      throw ProtocolError(error, reaching: try get(params.connection).targetName)
    }
    try change(params.connection) { row, _ in row.connection.connectionDetails.terminal = size }
  }

  /// Closes the shell of a terminal.
  func closeTerminal(_ connection: ResourceConnection) throws -> ResourceConnection {
    terminals.remove(connection.id)?.close()
    guard connection.status != .disconnected else { return connection }
    return try change(connection.id) { row, _ in
      row.connection.status = .disconnected
      row.connection.error = nil
      row.connection.errorMessage = nil
      row.connection.step = nil
    }.connection
  }
}

/// Makes text of bytes that come in pieces: a character is not cut by the end of one.
struct UTF8Pieces: Sendable {
  private var rest: [UInt8] = []

  mutating func add(_ bytes: [UInt8]) -> String {
    let all = rest + bytes
    var end = all.count
    if let start = all.suffix(3).lastIndex(where: { $0 & 0xC0 != 0x80 }), all[start] >= 0xC0,
      all.count - start < Self.length(all[start])
    {
      end = start
    }
    rest = Array(all[end...])
    return String(decoding: all[..<end], as: UTF8.self)
  }

  private static func length(_ lead: UInt8) -> Int { lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2 }
}
