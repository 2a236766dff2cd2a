internal import CSSH2
internal import Glibc

/// Signs for libssh2 with a key of an agent.
final class Signer {
  private let agent: Agent
  private let key: [UInt8]
  private(set) var failure: SSHError?

  init(agent: Agent, key: [UInt8]) {
    self.agent = agent
    self.key = key
  }

  private func sign(_ data: [UInt8]) -> [UInt8]? {
    do throws(SSHError) {
      return try agent.sign(data, with: key)
    } catch {
      failure = error
      return nil
    }
  }

  typealias Function =
    @convention(c) (
      OpaquePointer?, UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?, UnsafeMutablePointer<Int>?,
      UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) -> Int32

  /// What libssh2 calls; "abstract" is the signer.
  static let function: Function = { session, signature, length, data, count, abstract in
    guard let session, let signature, let length, let data, let pointer = abstract?.pointee else { return -1 }
    let signer = Unmanaged<Signer>.fromOpaque(pointer).takeUnretainedValue()
    guard let bytes = signer.sign(Array(UnsafeBufferPointer(start: data, count: count))),
      let memory = Wire.allocate(bytes.count, for: session)
    else { return -1 }
    memory.copyMemory(from: bytes, byteCount: bytes.count)
    signature.pointee = memory.assumingMemoryBound(to: UInt8.self)
    length.pointee = bytes.count
    return 0
  }
}

/// Answers the questions of `keyboard-interactive` with one password.
enum Prompts {
  private typealias Function =
    @convention(c) (
      UnsafePointer<CChar>?, Int32, UnsafePointer<CChar>?, Int32, Int32,
      UnsafePointer<LIBSSH2_USERAUTH_KBDINT_PROMPT>?, UnsafeMutablePointer<LIBSSH2_USERAUTH_KBDINT_RESPONSE>?,
      UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) -> Void

  static func answering(
    with password: [UInt8], on link: Link, _ drive: (() -> Int32) throws(SSHError) -> Int32
  ) throws(SSHError) -> Int32 {
    link.wire.answer = password
    defer { link.wire.answer = nil }
    let user = Array(link.endpoint.user.utf8CString)
    let function: Function = { _, _, _, _, count, prompts, responses, abstract in
      guard count > 0, let prompts, let responses, let pointer = abstract?.pointee else { return }
      let wire = Unmanaged<Wire>.fromOpaque(pointer).takeUnretainedValue()
      for index in 0..<Int(count) {
        // A question whose answer is shown while it is typed is not one for a password.
        let answer = prompts[index].echo == 0 ? wire.answer ?? [] : []
        guard let memory = wire.allocate(max(1, answer.count)) else { continue }
        memory.copyMemory(from: answer, byteCount: answer.count)
        responses[index].text = memory.assumingMemoryBound(to: CChar.self)
        responses[index].length = UInt32(answer.count)
      }
      // A server that refuses asks again: each question is answered once.
      wire.answersGiven += 1
      if wire.answersGiven > 3 { wire.answer = nil }
    }
    return try drive {
      libssh2_userauth_keyboard_interactive_ex(link.session, user, UInt32(user.count - 1), function)
    }
  }
}
