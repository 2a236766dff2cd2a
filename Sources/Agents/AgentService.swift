import BerthProtocol
import Platform
import Storage
import Streams
import Supervisor
import Workspaces

/// Agents, their sessions and their runs.
package final class AgentService: Sendable {
  let services: AgentServices
  init(_ services: AgentServices) { self.services = services }
}
