package import BerthProtocol
import JSON
package import JSONRPC

extension RPCError {
  /// What a handler threw, as it goes on the wire. The one place where errors get their codes.
  package init(describing error: any Error) {
    switch error {
    case let error as RPCError: self = error
    case let error as JSONSyntaxError:
      // The envelope's scan has let it pass: a number that no type holds.
      self.init(
        ProtocolError(invalidParams: DecodingFaults([DecodingFault(loc: [], msg: error.message, type: "type")])))
    case is CancellationError, is Outbox.Closed:
      self.init(ProtocolError(.cancelled, "The request was cancelled."))
    default: self.init(ProtocolError(describing: error))
    }
  }

  package init(_ error: ProtocolError) {
    var writer = JSONWriter()
    error.encodeData(into: &writer)
    let data = try? JSONParser.parse(writer.bytes)
    self.init(code: error.code, message: error.message, data: data)
  }
}
