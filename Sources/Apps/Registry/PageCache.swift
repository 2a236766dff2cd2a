import Synchronization

/// Encoded pages of `app/list`, until something changes.
final class PageCache: Sendable {
  private struct State {
    var pages: [String: [UInt8]] = [:]
    /// Counts the changes, so that a page that was being made meanwhile is not kept.
    var age: UInt64 = 0
  }

  private static let maximum = 64

  private let state = Mutex(State())

  func find(_ key: String) -> (page: [UInt8]?, age: UInt64) {
    state.withLock { ($0.pages[key], $0.age) }
  }

  func keep(_ page: [UInt8], for key: String, of age: UInt64) {
    state.withLock { state in
      if state.age == age, state.pages.count < Self.maximum { state.pages[key] = page }
    }
  }

  func clear() {
    state.withLock { state in
      state.age += 1
      state.pages.removeAll(keepingCapacity: true)
    }
  }
}
