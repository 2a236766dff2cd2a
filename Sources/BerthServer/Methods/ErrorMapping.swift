package import BerthProtocol
import JSON
package import JSONRPC
import Platform

extension RPCError {
  /// What a handler threw, as it goes on the wire. The one place where errors get their codes.
  package init(describing error: any Error) {
    switch error {
    case let error as RPCError: self = error
    case let error as ProtocolError: self.init(error)
    case let error as SystemError: self.init(ProtocolError(error))
    case let error as JSONSyntaxError:
      // The envelope's scan has let it pass: a number that no type holds.
      self.init(
        ProtocolError(invalidParams: DecodingFaults([DecodingFault(loc: [], msg: error.message, type: "type")])))
    case is CancellationError, is Outbox.Closed:
      self.init(ProtocolError(.cancelled, "The request was cancelled."))
    default:
      self.init(ProtocolError(.internalError, "The server failed in a way it should not.", detail: "\(error)"))
    }
  }

  package init(_ error: ProtocolError) {
    var writer = JSONWriter()
    error.encodeData(into: &writer)
    let data = try? JSONParser.parse(writer.bytes)
    self.init(code: error.code, message: error.message, data: data)
  }
}

extension ProtocolError {
  /// What the operating system refused, where the domain had no better words for it.
  init(_ error: SystemError) {
    let what = error.path.map { "“\($0)”" } ?? "the call"
    switch error.errno {
    case SystemError.Code.notFound:
      self.init(.fileNotFound, "Nothing is at \(what).", detail: error.description)
    case SystemError.Code.access, SystemError.Code.notPermitted, SystemError.Code.readOnly:
      self.init(.permissionDenied, "The server may not touch \(what): \(error.reason).", detail: error.description)
    case SystemError.Code.noSpace, SystemError.Code.quota:
      self.init(.noSpace, "The disk is full. Free some space and try again.", detail: error.description)
    case SystemError.Code.crossesDevice, SystemError.Code.tooManyLinks:
      self.init(.pathEscapes, "The path \(what) leads out of its folder.", detail: error.description)
    default:
      self.init(.ioError, "The system refused \(what): \(error.reason).", detail: error.description)
    }
  }
}
