internal import CSSH2
internal import Glibc
internal import Platform

/// A session of libssh2 on a wire, on the thread that it belongs to.
final class Link {
  let session: OpaquePointer
  let wire: Wire
  let mailbox: Mailbox
  let endpoint: SSHEndpoint

  /// What libssh2 and its cryptography need, once a process.
  private static let isReady: Bool = {
    // OpenSSL frees all that it has when the process exits, under the hands of threads that still use it, and they
    // crash. It can be told not to, before anything else is asked of it.
    if let function = dlsym(nil, "OPENSSL_init_crypto") {
      typealias Initialize = @convention(c) (UInt64, OpaquePointer?) -> Int32
      let withoutExitHandler: UInt64 = 0x80000
      _ = unsafeBitCast(function, to: Initialize.self)(withoutExitHandler, nil)
    }
    return libssh2_init(0) == 0
  }()

  init(_ socket: OwnedDescriptor, mailbox: Mailbox, endpoint: SSHEndpoint) throws(SSHError) {
    wire = Wire(socket)
    guard Self.isReady, let session = wire.makeSession() else {
      throw SSHError(.system, "libssh2 can't be started.")
    }
    self.session = session
    self.mailbox = mailbox
    self.endpoint = endpoint
  }

  /// Says goodbye, without waiting for an answer, and frees all.
  deinit {
    libssh2_session_disconnect_ex(session, 11, "closed by the user", "")
    wire.flush()
    // What libssh2 would still send or wait for fails at once, so that freeing does not ask to be called again.
    wire.kill()
    var attempts = 0
    while libssh2_session_free(session) == LIBSSH2_ERROR_EAGAIN, attempts < 1000 { attempts += 1 }
  }

  /// Repeats a call of libssh2 until it is done.
  ///
  /// - Parameter what: What is being waited for, for the error: "The key exchange".
  func drive(
    until deadline: Int64, code: SSHError.Code, _ what: String, _ call: () -> Int32
  ) throws(SSHError) -> Int32 {
    wire.allowReceiving()
    while true {
      let result = call()
      wire.flush()
      if result != LIBSSH2_ERROR_EAGAIN { return result }
      var requests = [wire.request]
      guard try Waiting.poll(&requests, mailbox, until: deadline) else {
        throw SSHError(code, "\(what) with \(endpoint.place) was not done in time: the server does not answer.")
      }
      if requests[0].revents != 0 { wire.allowReceiving() }
    }
  }

  /// What libssh2 says of its last failure, and what the server said when it hung up.
  var reason: String {
    var message: UnsafeMutablePointer<CChar>?
    var length: Int32 = 0
    libssh2_session_last_error(session, &message, &length, 0)
    let text = message.map { Printable.text(UnsafeRawBufferPointer(start: $0, count: max(0, Int(length)))) } ?? ""
    if let farewell = wire.farewell { return "the server hung up: \(farewell)" }
    if let failure = wire.failure {
      return failure == 0
        ? "the server closed the connection" : SystemError(errno: failure, operation: "recv").reason.lowercased()
    }
    return text.isEmpty ? "unknown" : text
  }

  /// The server's identification, such as `SSH-2.0-OpenSSH_9.2p1 Debian-2`.
  var banner: String? {
    libssh2_session_banner_get(session).map { banner in
      Printable.text(UnsafeRawBufferPointer(start: banner, count: min(strlen(banner), 255)))
    }
  }

  /// Exchanges versions and keys. - Returns: The server's key, which nobody has looked at yet.
  func exchangeKeys(knownTypes: [String], until deadline: Int64) throws(SSHError) -> HostKey {
    Algorithms.choose(for: session, hostKeys: knownTypes)
    let result = try drive(until: deadline, code: .connectTimeout, "The key exchange") {
      libssh2_session_handshake(session, wire.descriptor)
    }
    guard result == 0 else {
      if result == LIBSSH2_ERROR_KEX_FAILURE || result == LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE {
        throw SSHError(
          .protocolFailed,
          "No algorithm suits both this side and \(endpoint.place) (\(banner ?? "no identification")): \(reason). "
            + "A server whose only host key is RSA must have an ed25519 or ECDSA one too.")
      }
      throw SSHError(.protocolFailed, "\(endpoint.place) does not answer as an SSH server: \(reason).")
    }
    var length = 0
    var type: Int32 = 0
    guard let key = libssh2_session_hostkey(session, &length, &type),
      let hostKey = HostKey(blob: Array(UnsafeRawBufferPointer(start: key, count: length)))
    else { throw SSHError(.protocolFailed, "\(endpoint.place) showed no host key.") }
    return hostKey
  }
}
