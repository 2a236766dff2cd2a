import Glibc
import Platform

/// What was awaited has not come.
package struct DeadlinePassed: Error, CustomStringConvertible {
  package let description: String

  package init(description: String) {
    self.description = description
  }
}

/// Awaits something that comes in its own time, and gives up when it takes so long that it will not come at all.
package func withDeadline<Result: Sendable>(
  seconds: Int = 30, _ what: String = "the awaited", _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
  try await withThrowingTaskGroup(of: Result.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: .seconds(seconds))
      throw DeadlinePassed(description: "\(what) has not come within \(seconds) s")
    }
    defer { group.cancelAll() }
    guard let result = try await group.next() else { throw CancellationError() }
    return result
  }
}

extension Task where Failure == any Error {
  /// The task's value; the task is cancelled when it takes so long that it will not come at all.
  package func value(within seconds: Int = 30) async throws -> Success {
    try await withDeadline(seconds: seconds, "the task's value") {
      try await withTaskCancellationHandler {
        try await self.value
      } onCancel: {
        self.cancel()
      }
    }
  }
}

/// Asks again and again until something is so, on a thread that may wait.
///
/// - Returns: False where it takes so long that it will not come at all.
package func waits(seconds: Double = 30, _ condition: () throws -> Bool) rethrows -> Bool {
  let deadline = Timestamp.monotonicNanoseconds() + Int64(seconds * 1e9)
  while true {
    if try condition() { return true }
    guard Timestamp.monotonicNanoseconds() < deadline else { return false }
    usleep(5000)
  }
}
