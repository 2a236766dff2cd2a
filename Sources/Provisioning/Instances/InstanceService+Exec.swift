package import BerthProtocol
import JSON
import Jobs
import Platform
import SSH

/// `instance/exec`: a command on an instance, as a job.
extension InstanceService {
  package func exec(_ params: InstanceExec.Params) throws -> JobStarted {
    let instance = try find(params.instance)
    return try jobs.start(
      .exec, title: "Run on \(instance.name): \(params.command.prefix(80))", workspace: nil, subject: instance.id,
      lane: .remote(key: nil),
      idempotency: params.idempotencyKey.map { (InstanceExec.description.name, $0, params.jsonValue()) }
    ) { context in
      let body = { @Sendable in try await self.carryOut(params, on: instance.id, context) }
      guard let seconds = params.timeoutSeconds else { return try await body().jsonValue().objectValue ?? [:] }
      return try await within(seconds, "The command was not done within \(seconds.inSeconds), and was ended.", body)
        .jsonValue().objectValue ?? [:]
    }
  }

  private func carryOut(
    _ params: InstanceExec.Params, on id: String, _ context: JobContext
  ) async throws -> ExecJobResult {
    let machine = try await machine(id)
    var elevator: RemoteScript.Elevator?
    if params.elevate { elevator = try machine.elevator(try await look(machine).facts) }
    let channel: SSHChannel
    do {
      channel = try await machine.session.open(RemoteCommand.line(params.command, elevator, run: context.id))
    } catch {
      throw ProtocolError(reaching: machine.instance.name, error)
    }
    defer { channel.close() }
    let process = RemoteProcess()
    do {
      return try await withTaskCancellationHandler {
        try await follow(channel, params, machine, elevator, process, context)
      } onCancel: {
        channel.close()
      }
    } catch {
      // Whatever the reason, nobody hears it any more. Where this task is cancelled, the machine is left clean all the
      // same.
      await pool.complete { [elevator] in
        await RemoteCommand.end(process, elevator, run: context.id, on: machine)
      }
      if error is CancellationError || context.isCancelled { throw CancellationError() }
      throw ProtocolError(reaching: machine.instance.name, error)
    }
  }

  private func follow(
    _ channel: SSHChannel, _ params: InstanceExec.Params, _ machine: Machine, _ elevator: RemoteScript.Elevator?,
    _ process: RemoteProcess, _ context: JobContext
  ) async throws -> ExecJobResult {
    let outputs = ExecOutputs(context, mask: SecretMask(machine.access.masked))
    async let sending: Void = send(params.input ?? "", elevator, to: channel)
    while let piece = try await channel.read() {
      switch piece.source {
      case .output:
        let bytes = process.take(piece.bytes)
        if !bytes.isEmpty { try outputs.add(.stdout, bytes) }
      case .error: try outputs.add(.stderr, piece.bytes)
      }
    }
    let rest = process.finish()
    if !rest.isEmpty { try outputs.add(.stdout, rest) }
    try outputs.finish()
    _ = try? await sending
    return switch try await channel.exit() {
    case .status(let code): ExecJobResult(exitCode: code)
    case .signal(let name): ExecJobResult(signal: name)
    case .none: throw SSHError(.closed, "The line was cut before the command told how it ended.")
    }
  }

  /// What the command does not read is no fault.
  private func send(_ input: String, _ elevator: RemoteScript.Elevator?, to channel: SSHChannel) async throws {
    try await channel.write(RemoteScript.input(input, elevator))
    try await channel.endInput()
  }
}
