import Streams
import Synchronization

/// Whether an app has told that it is ready; whoever hears it notes it here.
package final class ReadyNote: Sendable {
  private let signal = ChangeSignal()
  private let isReady: Atomic<Bool>

  package init(isReady: Bool = false) {
    self.isReady = Atomic(isReady)
  }

  package func noteReady() {
    isReady.store(true, ordering: .sequentiallyConsistent)
    signal.notify()
  }

  /// Returns when the app is ready.
  func wait() async throws {
    while true {
      let seen = signal.value
      if isReady.load(ordering: .sequentiallyConsistent) { return }
      try await signal.wait(past: seen)
    }
  }
}
