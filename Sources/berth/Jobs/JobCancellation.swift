import BerthClient
import BerthProtocol
import Glibc
import Platform
import Synchronization

/// Cancels jobs at Ctrl-C: those that are known then, and those that begin later.
final class JobCancellation: Sendable {
  private struct State {
    var jobs: [String] = []
    var isWanted = false
  }

  private let state = Mutex(State())
  private let connect: @Sendable () throws -> Client
  private let say: @Sendable () -> Void

  /// - Parameter say: Tells whoever has pressed Ctrl-C what happens now.
  init(_ context: Context, say: @escaping @Sendable () -> Void) {
    let (home, socket) = (context.home, context.options.socket)
    connect = { try Launch.connect(home: home, socket: socket, name: "berth") }
    self.say = say
  }

  /// Whether somebody has pressed Ctrl-C.
  var isWanted: Bool { state.withLock { $0.isWanted } }

  /// A job has begun.
  func began(_ job: String) {
    let isTooLate = state.withLock { state in
      state.jobs.append(job)
      return state.isWanted
    }
    if isTooLate { cancel([job]) }
  }

  func ended(_ job: String) {
    state.withLock { $0.jobs.removeAll { $0 == job } }
  }

  /// Somebody has pressed Ctrl-C. Returns when the server has been told, or does not listen; it is answered later.
  func want() {
    say()
    cancelAll()
  }

  /// The same where nobody is there to be told.
  func cancelAll() {
    let jobs = state.withLock { state in
      state.isWanted = true
      return state.jobs
    }
    guard !jobs.isEmpty, let (told, telling) = try? OwnedDescriptor.pipe() else { return }
    cancel(jobs, telling: telling)
    var request = told.withDescriptor { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    poll(&request, 1, Self.tellingMilliseconds)
  }

  private static let tellingMilliseconds: Int32 = 2000

  /// - Parameter telling: Is written to when the server has taken the requests up.
  private func cancel(_ jobs: [String], telling: OwnedDescriptor? = nil) {
    startDetached("cancellation") { [connect] in
      // A connection of its own: the other one is being read.
      guard let client = try? connect() else { return }
      let requests = jobs.compactMap {
        try? client.begin(JobCancel.description.name, params: JobCancel.Params(job: $0))
      }
      // What comes after them is answered when they are under way, and a connection that ends takes them back no more.
      _ = try? client.request(JobGet.self, .init(job: jobs[0]))
      _ = telling?.withDescriptor { write($0, "x", 1) }
      // The connection has to last until they are answered, which is when the jobs have ended.
      for request in requests { _ = try? client.result(of: request) }
    }
  }
}
