/// Something to measure.
struct Benchmark {
  /// What it is called on the command line.
  let name: String
  let summary: String
  let run: (Bench) throws -> [Row]
}

/// Everything that can be measured, in the order in which it is.
enum Benchmarks {
  static var all: [Benchmark] {
    [
      Benchmark(name: "ping", summary: "server/ping, 32 in flight", run: Pings.throughput),
      Benchmark(name: "round-trip", summary: "server/ping, one after the other", run: Pings.roundTrips),
      Benchmark(name: "workspace-get", summary: "workspace/get, 32 in flight", run: Calls.workspaceGet),
      Benchmark(name: "file-read", summary: "file/read of 4 KiB, 32 in flight", run: Calls.fileRead),
      Benchmark(name: "file-write", summary: "file/write of 4 KiB, 32 in flight", run: Calls.fileWrite),
      Benchmark(name: "large-result", summary: "one result of 16 MB", run: LargeResult.run),
      Benchmark(name: "spawn", summary: "from the start of a process to the answer to initialize", run: Spawning.run),
      Benchmark(name: "memory", summary: "memory: idle, and of 1,000 idle connections", run: IdleMemory.run),
      Benchmark(name: "journal", summary: "events: append and deliver to 4 followers, replay", run: Journals.run),
      Benchmark(
        name: "slow-follower", summary: "a follower that does not read while a million events pass",
        run: SlowFollower.run),
      Benchmark(name: "snapshot", summary: "snapshot and restore of 10,000 files, 200 MB", run: Snapshots.run),
      Benchmark(name: "apps-start", summary: "50 apps from nothing to running", run: AppStarting.run),
      Benchmark(name: "apps-memory", summary: "memory of a server with 50 apps", run: AppMemory.run),
      Benchmark(name: "apps-drain", summary: "5 million lines of an app, kept", run: AppDraining.run),
      Benchmark(name: "apps-follow", summary: "5 million lines of an app, kept and followed", run: AppFollowing.run),
      Benchmark(name: "apps-list", summary: "app/list with 50 apps, 32 in flight", run: AppListing.run),
      Benchmark(name: "apps-idle", summary: "processor time of 50 apps that are probed", run: AppIdling.run),
      Benchmark(name: "apps-takeover", summary: "kill -9 of a server with 50 apps", run: AppTakeover.run),
      Benchmark(
        name: "agents-speak", summary: "200,000 pieces of an ACP agent, to 4 followers", run: AgentSpeaking.run),
      Benchmark(name: "agents-delay", summary: "an agent's pieces on their way, 1,000 a second", run: AgentDelay.run),
      Benchmark(name: "agents-start", summary: "from agentRun/start to the first output", run: AgentStarting.run),
      Benchmark(name: "agents-many", summary: "processor time of 100 sessions", run: AgentCrowd.run),
      Benchmark(name: "agents-replay", summary: "attach to a run of a million events", run: AgentReplay.run),
      Benchmark(name: "instances-probe", summary: "32 instances over SSH, cold and warm", run: InstanceProbing.run),
      Benchmark(
        name: "connections-present", summary: "32 connections of a runtime that is already there",
        run: ConnectionsPresent.run),
      Benchmark(name: "exec-stream", summary: "200 MB of a remote command's output, kept", run: ExecStreaming.run),
      Benchmark(name: "apps-stop", summary: "stop of a tree that does not want to end", run: AppStopping.run),
    ]
  }
}
