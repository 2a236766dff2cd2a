import Platform

extension ProtocolError {
  /// What is told of an error that a domain has thrown: the error itself where it is one of the protocol's, and the
  /// operating system's in the protocol's terms.
  package init(describing error: any Error) {
    switch error {
    case let error as ProtocolError: self = error
    case let error as SystemError: self.init(refusal: error)
    case is CancellationError: self.init(.cancelled, "The work was cancelled.")
    default: self.init(.internalError, "The server failed in a way it should not.", detail: "\(error)")
    }
  }

  /// What the operating system refused, where the domain had no better words for it.
  private init(refusal error: SystemError) {
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
