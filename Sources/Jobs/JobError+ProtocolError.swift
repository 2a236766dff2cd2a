import BerthProtocol

extension JobError {
  init(_ error: ProtocolError) {
    self.init(
      code: error.code, message: error.message, type: error.type.rawValue, detail: error.detail,
      retryable: error.type.retryable, errors: error.errors.isEmpty ? nil : error.errors)
  }
}
