internal import CSSH2
internal import Glibc
internal import Platform

/// What libssh2 sends and receives through: a socket with a buffer for each direction.
///
/// Sending always succeeds as far as libssh2 can see, so no packet is ever left half sent in it, with which only the
/// very same call could go on: many channels can send side by side. Who sends data looks at `outgoingBytes` before.
/// Receiving stops after a while even where more is there, so that a server cannot keep the thread inside of libssh2.
final class Wire {
  private let socket: OwnedDescriptor
  private let received: UnsafeMutableRawPointer
  private var receivedStart = 0
  private var receivedEnd = 0
  private var outgoing: [UInt8] = []
  private var outgoingStart = 0
  /// How much may still be received before control is to come back; 0 too where the socket is known to be empty.
  private var budget = 0
  /// Set when nothing can be sent or received any more.
  private(set) var isDead = false
  /// The error number that the socket ended with; 0 where the server closed it, nil while it is open.
  private(set) var failure: Int32?
  private(set) var lastReceived = Timestamp.monotonicNanoseconds()
  private(set) var totalReceived = 0
  /// What the server said when it hung up.
  var farewell: String?
  /// The password while `keyboard-interactive` goes on, and how often the server has asked.
  var answer: [UInt8]?
  var answersGiven = 0
  /// What libssh2 has allocated.
  fileprivate var allocatedBytes = 0

  private static let receiveBytes = 256 << 10
  private static let receiveBudget = 1 << 20
  /// Beyond this, libssh2 gets no more memory: a server is flooding us with packets that nobody has asked for.
  private static let allocationLimit = 64 << 20

  init(_ socket: OwnedDescriptor) {
    self.socket = socket
    received = .allocate(byteCount: Self.receiveBytes, alignment: 16)
  }

  deinit {
    received.deallocate()
  }

  var descriptor: Int32 { socket.withDescriptor { $0 } }
  var outgoingBytes: Int { outgoing.count - outgoingStart }
  /// Whether there is something for libssh2 that poll(2) does not know of.
  var hasReceived: Bool { receivedEnd > receivedStart }

  var request: pollfd {
    pollfd(fd: descriptor, events: Int16(outgoingBytes > 0 ? POLLIN | POLLOUT : POLLIN), revents: 0)
  }

  /// Lets libssh2 receive again, after poll(2) said that the socket is readable.
  func allowReceiving() { budget = Self.receiveBudget }

  /// Sends what is waiting, as far as the socket takes it.
  func flush() {
    while outgoingBytes > 0, !isDead {
      let sent = outgoing.withUnsafeBytes { bytes in
        send(descriptor, bytes.baseAddress?.advanced(by: outgoingStart), outgoingBytes, Int32(MSG_NOSIGNAL))
      }
      if sent < 0 {
        if errno == EINTR { continue }
        if errno != EAGAIN { end(errno) }
        break
      }
      outgoingStart += sent
    }
    if outgoingStart == outgoing.count {
      outgoing.removeAll(keepingCapacity: outgoing.capacity <= 4 << 20)
      outgoingStart = 0
    } else if outgoingStart >= 1 << 20 {
      outgoing.removeFirst(outgoingStart)
      outgoingStart = 0
    }
  }

  /// Nothing is sent or received from now on.
  func kill() {
    isDead = true
    outgoing = []
    outgoingStart = 0
  }

  private func end(_ error: Int32) {
    if failure == nil { failure = error }
    kill()
  }

  // MARK: For libssh2

  fileprivate func take(_ buffer: UnsafeMutableRawPointer, _ length: Int) -> Int {
    if !hasReceived {
      if isDead { return failure == 0 ? 0 : -Int(ECONNRESET) }
      if budget <= 0 { return -Int(EAGAIN) }
      var count: Int
      repeat { count = recv(descriptor, received, Self.receiveBytes, 0) } while count < 0 && errno == EINTR
      if count < 0, errno == EAGAIN {
        budget = 0
        return -Int(EAGAIN)
      }
      if count <= 0 {
        let error = count == 0 ? 0 : errno
        end(error)
        return error == 0 ? 0 : -Int(error)
      }
      (receivedStart, receivedEnd) = (0, count)
      budget -= count
      totalReceived += count
      lastReceived = Timestamp.monotonicNanoseconds()
    }
    let count = min(length, receivedEnd - receivedStart)
    memcpy(buffer, received + receivedStart, count)
    receivedStart += count
    return count
  }

  fileprivate func give(_ bytes: UnsafeRawBufferPointer) -> Int {
    if isDead { return -Int(ECONNRESET) }
    outgoing.append(contentsOf: bytes)
    return bytes.count
  }

  func allocate(_ count: Int) -> UnsafeMutableRawPointer? {
    guard count >= 0, allocatedBytes + count <= Self.allocationLimit, let memory = malloc(count) else { return nil }
    allocatedBytes += berth_ssh2_memory_size(memory)
    return memory
  }

  fileprivate func free(_ memory: UnsafeMutableRawPointer?) {
    allocatedBytes -= berth_ssh2_memory_size(memory)
    Glibc.free(memory)
  }

  fileprivate func reallocate(_ memory: UnsafeMutableRawPointer?, _ count: Int) -> UnsafeMutableRawPointer? {
    let before = berth_ssh2_memory_size(memory)
    guard count >= 0, allocatedBytes - before + count <= Self.allocationLimit, let new = realloc(memory, count) else {
      return nil
    }
    allocatedBytes += berth_ssh2_memory_size(new) - before
    return new
  }
}

// MARK: The functions that libssh2 calls

/// The wire behind libssh2's "abstract" pointer, which it hands to each function.
private func wire(_ abstract: UnsafeMutablePointer<UnsafeMutableRawPointer?>?) -> Wire? {
  guard let pointer = abstract?.pointee else { return nil }
  return Unmanaged<Wire>.fromOpaque(pointer).takeUnretainedValue()
}

private typealias Abstract = UnsafeMutablePointer<UnsafeMutableRawPointer?>

private typealias Transfer =
  @convention(c) (Int32, UnsafeMutableRawPointer?, Int, Int32, Abstract?) -> Int

private typealias Farewell =
  @convention(c) (OpaquePointer?, Int32, UnsafePointer<CChar>?, Int32, UnsafePointer<CChar>?, Int32, Abstract?) -> Void

extension Wire {
  /// Memory that libssh2 will free.
  static func allocate(_ count: Int, for session: OpaquePointer) -> UnsafeMutableRawPointer? {
    wire(libssh2_session_abstract(session))?.allocate(max(1, count))
  }

  /// A session of libssh2 that sends and receives here and does not block.
  ///
  /// The wire must live as long as the session.
  func makeSession() -> OpaquePointer? {
    let session = libssh2_session_init_ex(
      { count, abstract in wire(abstract)?.allocate(count) },
      { memory, abstract in wire(abstract)?.free(memory) },
      { memory, count, abstract in wire(abstract)?.reallocate(memory, count) },
      Unmanaged.passUnretained(self).toOpaque())
    guard let session else { return nil }
    let receive: Transfer = { _, buffer, length, _, abstract in
      guard let wire = wire(abstract), let buffer else { return -Int(EINVAL) }
      return wire.take(buffer, length)
    }
    let send: Transfer = { _, buffer, length, _, abstract in
      guard let wire = wire(abstract) else { return -Int(EINVAL) }
      return wire.give(UnsafeRawBufferPointer(start: buffer, count: length))
    }
    let farewell: Farewell = { _, _, message, length, _, _, abstract in
      guard let message, length > 0 else { return }
      let text = UnsafeRawBufferPointer(start: message, count: min(Int(length), 500))
      wire(abstract)?.farewell = Printable.text(text)
    }
    libssh2_session_callback_set(
      session, LIBSSH2_CALLBACK_RECV, unsafeBitCast(receive, to: UnsafeMutableRawPointer.self))
    libssh2_session_callback_set(session, LIBSSH2_CALLBACK_SEND, unsafeBitCast(send, to: UnsafeMutableRawPointer.self))
    libssh2_session_callback_set(
      session, LIBSSH2_CALLBACK_DISCONNECT, unsafeBitCast(farewell, to: UnsafeMutableRawPointer.self))
    libssh2_session_set_blocking(session, 0)
    return session
  }
}

/// What a server said, fit for a message.
enum Printable {
  static func text(_ bytes: some Sequence<UInt8>) -> String {
    String(decoding: bytes.lazy.map { $0 >= 0x20 && $0 != 0x7f ? $0 : 0x20 }, as: UTF8.self)
  }
}
