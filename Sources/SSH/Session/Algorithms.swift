internal import CSSH2

/// In which order algorithms are offered. All that libssh2 has are, so that no server is refused for them.
enum Algorithms {
  /// libssh2 calls the cipher for each block and has none that checks integrity itself: on processors of today, these
  /// are its fastest.
  private static let ciphers = ["aes128-ctr", "aes256-ctr", "aes192-ctr"]
  private static let macs = ["hmac-sha2-256", "hmac-sha1", "hmac-sha2-512"]
  private static let hostKeys = [
    "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa",
  ]

  /// - Parameter known: Types of host keys to ask for first.
  static func choose(for session: OpaquePointer, hostKeys known: [String]) {
    for method in [LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC] { prefer(ciphers, method, session) }
    for method in [LIBSSH2_METHOD_MAC_CS, LIBSSH2_METHOD_MAC_SC] { prefer(macs, method, session) }
    prefer(known + hostKeys, LIBSSH2_METHOD_HOSTKEY, session)
  }

  private static func prefer(_ preferred: [String], _ method: Int32, _ session: OpaquePointer) {
    let supported = supported(method, session)
    var list: [String] = []
    // A certificate of a host can't be checked here: it is not asked for.
    for name in preferred + supported
    where supported.contains(name) && !list.contains(name) && !name.contains("-cert-") && name != "none" {
      list.append(name)
    }
    if !list.isEmpty { libssh2_session_method_pref(session, method, list.joined(separator: ",")) }
  }

  static func supported(_ method: Int32, _ session: OpaquePointer) -> [String] {
    var names: UnsafeMutablePointer<UnsafePointer<CChar>?>?
    let count = libssh2_session_supported_algs(session, method, &names)
    guard count > 0, let names else { return [] }
    defer { libssh2_free(session, names) }
    return (0..<Int(count)).compactMap { index in names[index].map { String(cString: $0) } }
  }
}
