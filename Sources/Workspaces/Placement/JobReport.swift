internal import BerthProtocol

/// What a job tells on its way, and how it hears that it is to stop.
struct JobReport: Sendable {
  /// A line for whoever follows the job.
  let output: @Sendable (_ line: String) -> Void
  let progress: @Sendable (_ message: String, _ completed: Int, _ total: Int?, _ unit: ProgressUnit?) -> Void
  /// Throws where the job was cancelled.
  let checkCancellation: @Sendable () throws -> Void
}

extension JobReport {
  /// Takes a line of git's: its own progress lines, which it writes over, become the job's progress.
  var gitLine: @Sendable (_ text: String, _ isProgress: Bool) -> Void {
    { text, isProgress in
      if isProgress {
        progress(text, 0, nil, nil)
      } else {
        output(text)
      }
    }
  }
}
