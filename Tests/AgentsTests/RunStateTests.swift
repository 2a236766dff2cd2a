import BerthProtocol
import Testing

@testable import Agents

@Suite("Run states")
struct RunStateTests {
  @Test(
    "only an end is final",
    arguments: [
      (RunState.queued, false), (.starting, false), (.running, false), (.waiting, false), (.completed, true),
      (.failed, true), (.cancelled, true), (.interrupted, true),
    ])
  func finality(state: RunState, isFinal: Bool) {
    #expect(state.isFinal == isFinal)
  }
}
