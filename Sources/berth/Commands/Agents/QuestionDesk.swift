import BerthClient
import BerthProtocol
import Glibc
import Platform
import Synchronization

/// The questions of a run that are open: one at a time, they are put to whoever sits at the terminal.
final class QuestionDesk {
  private let view: RunView
  private let canAsk: Bool
  private let connect: @Sendable () throws -> Client
  private var open: [Permission] = []
  /// Those of which was told how to answer them.
  private var told: Set<String> = []
  private var asking: PermissionPrompt?

  init(_ view: RunView, canAsk: Bool, connect: @escaping @Sendable () throws -> Client) {
    self.view = view
    self.canAsk = canAsk
    self.connect = connect
  }

  func add(_ permission: Permission) {
    if permission.state == .open, !open.contains(where: { $0.id == permission.id }) { open.append(permission) }
  }

  func remove(_ id: String) {
    open.removeAll { $0.id == id }
    guard asking?.permission.id == id else { return }
    asking?.withdraw()
    asking = nil
  }

  func removeAll() {
    for permission in open { remove(permission.id) }
  }

  /// Puts the oldest question.
  func askNext() {
    guard let next = open.first else { return }
    if let asking, asking.permission.id == next.id, asking.isGoingOn { return }
    guard canAsk, !PermissionPrompt.hasEnded, let asking = try? PermissionPrompt(next, view, connect: connect) else {
      if told.insert(next.id).inserted { view.tellHow(next) }
      return
    }
    self.asking = asking
    asking.start()
  }
}

/// A question on the terminal, until a line answers it or somebody else is faster.
final class PermissionPrompt: Sendable {
  private static let inputHasEnded = Atomic(false)
  /// Whether nobody can be asked any more.
  static var hasEnded: Bool { inputHasEnded.load(ordering: .acquiring) }

  let permission: Permission
  private let view: RunView
  private let connect: @Sendable () throws -> Client
  private let wake: (read: OwnedDescriptor, write: OwnedDescriptor)
  private let isOver = Mutex(false)

  init(_ permission: Permission, _ view: RunView, connect: @escaping @Sendable () throws -> Client) throws {
    self.permission = permission
    self.view = view
    self.connect = connect
    wake = try OwnedDescriptor.pipe()
  }

  var isGoingOn: Bool { !isOver.withLock { $0 } }

  func start() {
    // What was typed before was no answer to this.
    tcflush(STDIN_FILENO, TCIFLUSH)
    view.ask(permission)
    startDetached("question") { self.run() }
  }

  /// Somebody else has answered it.
  func withdraw() {
    isOver.withLock { $0 = true }
    _ = wake.write.withDescriptor { write($0, "x", 1) }
  }

  private func run() {
    while let line = nextLine() {
      let option = permission.option(typed: line)
      view.typed(permission.id, isAnswer: option != nil)
      guard let option else { continue }
      do {
        _ = try connect().request(
          AgentRunRespondPermission.self, .init(permission: permission.id, option: option.id))
      } catch let error as CallError where error.type == .permissionResolved {
        // Another one was faster; its answer is told by the run.
      } catch {
        view.say("the answer did not reach the server: \(error)")
      }
      break
    }
    isOver.withLock { $0 = true }
  }

  /// What is typed next; nil where nobody waits for it any more, and at the end of input.
  private func nextLine() -> String? {
    while isGoingOn {
      var requests = [
        pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
        pollfd(fd: wake.read.withDescriptor { $0 }, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&requests, 2, -1) > 0 else { continue }
      guard isGoingOn, requests[1].revents == 0 else { return nil }
      var bytes = [UInt8](repeating: 0, count: 4096)
      let count = read(STDIN_FILENO, &bytes, bytes.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        Self.inputHasEnded.store(true, ordering: .releasing)
        return nil
      }
      let text = String(decoding: bytes[..<count], as: UTF8.self)
      return String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
    return nil
  }
}
