import Agents
import Apps
import BerthProtocol
import JSON
import JSONRPC
import Jobs
import Platform
import Streams
import Workspaces

extension MethodRegistry {
  /// Every method of the server, a line each.
  static func berth(domains: Domains, config: ConfigService) -> MethodRegistry {
    var methods = MethodRegistry()
    methods.addConnection()
    methods.addServer(config: config)
    methods.addStreams(domains)
    methods.addJobs(domains)
    methods.addWorkspaces(domains)
    methods.addFiles(domains)
    methods.addApps(domains)
    methods.addAgents(domains)
    methods.addProvisioning(domains)
    return methods
  }

  private mutating func addConnection() {
    inline(Initialize.self) { params, call in
      try call.session.initialize(params, connection: call.request.connection)
    }
    inline(Initialized.self) { _, _ in NullResult() }
    inline(Shutdown.self) { _, call in call.session.shutdown() }
    inline(Exit.self) { _, call in
      call.request.connection.endInput(cancelling: true)
      return NullResult()
    }
    inline(SetTrace.self) { params, call in
      call.session.setTrace(params)
      return NullResult()
    }
    inline(RpcDiscover.self) { _, _ in RawJSON(OpenRPCDocument.json) }
  }

  private mutating func addServer(config: ConfigService) {
    inline(ServerPing.self) { _, call in Pong(instanceId: call.session.server.instanceID) }
    register(ServerStatus.self) { _, call in call.session.server.status() }
    registerAnswer(ServerStop.self) { params, call in
      let server = call.session.server
      let grace = params.graceSeconds ?? config.current.server.stopGraceSeconds
      return AnswerThen(StopResult(pid: ProcessStatus.processID, graceSeconds: grace)) {
        server.stop(graceSeconds: grace)
      }
    }
    register(ConfigGet.self) { _, _ in config.get() }
    register(ConfigUpdate.self) { params, call in
      try config.update(params)
      call.session.server.configMayHaveChanged()
      return config.get()
    }
  }

  private mutating func addStreams(_ domains: Domains) {
    let streams = domains.streams
    registerAnswer(StreamAttach.self) { params, call in
      return try call.attach(try streams.follow(params), isFinite: !params.follow, domains)
    }
    register(StreamDetach.self) { params, call in
      try await call.session.attachments.detach(params.attachment)
      return NullResult()
    }
    registerAnswer(StreamRead.self) { params, call in
      try await call.answer(isLarge: params.limitBytes > Call.fewBytes) { try streams.readPage(params) }
    }
    register(StreamAppend.self) { params, _ in try await streams.append(params) }
    register(StreamList.self) { params, _ in try streams.list(params) }
  }

  private mutating func addJobs(_ domains: Domains) {
    let jobs = domains.jobs
    register(JobGet.self) { params, call in
      try await call.reportingProgress(of: params.job, domains) { try await jobs.get(params) }
    }
    register(JobList.self) { params, _ in
      var params = params
      params.workspace = try params.workspace.map { try domains.workspaces.resolve($0, includingDeleted: true).id }
      return try jobs.list(params)
    }
    register(JobCancel.self) { params, _ in try await jobs.cancel(params) }
  }

  private mutating func addWorkspaces(_ domains: Domains) {
    let (workspaces, templates) = (domains.workspaces, domains.templates)
    let (archives, snapshots) = (domains.archives, domains.snapshots)
    register(WorkspaceCreate.self) { params, _ in try templates.createWorkspace(params) }
    register(WorkspaceList.self) { params, _ in try workspaces.list(params) }
    register(WorkspaceGet.self) { params, _ in try workspaces.get(params) }
    register(WorkspaceUpdate.self) { params, _ in try workspaces.update(params) }
    register(WorkspaceDelete.self) { params, _ in
      let workspace = try workspaces.delete(params)
      domains.watches.end(workspace: workspace.id)
      await domains.apps.workspaceDeleted(workspace.id)
      await domains.agents.workspaceDeleted(workspace.id)
      return workspace
    }
    register(WorkspaceRestore.self) { params, _ in try workspaces.restore(params) }
    registerJob(WorkspaceApplyTemplate.self, domains, \.waitSeconds) { try templates.applyTemplate($0) }
    registerJob(WorkspaceCloneTemplate.self, domains, \.waitSeconds) { try templates.cloneTemplate($0) }
    registerJob(WorkspaceSnapshot.self, domains, \.waitSeconds) { try snapshots.snapshot($0) }
    registerJob(WorkspaceExport.self, domains, \.waitSeconds) { try archives.export($0) }
    registerJob(WorkspaceImport.self, domains, \.waitSeconds) { try archives.import($0) }
    register(SnapshotList.self) { params, _ in try snapshots.list(params) }
    register(SnapshotGet.self) { params, _ in try snapshots.get(params) }
    registerAnswer(SnapshotDiff.self) { params, call in
      try await call.answer(isLarge: params.limit > Call.fewRows) { try snapshots.diff(params) }
    }
    registerJob(SnapshotRestore.self, domains, \.waitSeconds) { try snapshots.restore($0) }
    register(SnapshotDelete.self) { params, _ in try snapshots.delete(params) }
  }

  private mutating func addFiles(_ domains: Domains) {
    let (files, watches) = (domains.files, domains.watches)
    registerAnswer(FileList.self) { params, call in
      try await call.answer(isLarge: params.limit > Call.fewRows) { try files.list(params) }
    }
    register(FileStat.self) { params, _ in try files.stat(params) }
    registerAnswer(FileRead.self) { params, call in
      if let content = try files.read(params, upTo: Call.fewBytes) { return content }
      return try await call.answer(isLarge: true) { try files.read(params) }
    }
    register(FileWrite.self) { params, _ in try files.write(params) }
    register(FileDelete.self) { params, _ in try files.delete(params) }
    register(FileMove.self) { params, _ in try files.move(params) }
    register(FileCopy.self) { params, _ in try files.copy(params) }
    register(FileMkdir.self) { params, _ in try files.mkdir(params) }
    registerAnswer(FileWatch.self) { params, call in
      let stream = try watches.watch(params)
      return try call.attach(
        try domains.streams.follow(StreamAttach.Params(stream: stream)), isFinite: false, domains)
    }
  }

  private mutating func addApps(_ domains: Domains) {
    let apps = domains.apps
    register(AppValidateManifest.self) { params, _ in try apps.validate(params) }
    register(AppInstall.self) { params, _ in try await apps.install(params) }
    register(AppConfigure.self) { params, _ in try apps.configure(params) }
    register(AppUninstall.self) { params, _ in try await apps.uninstall(params) }
    registerAnswer(AppList.self) { params, _ in try apps.list(params) }
    register(AppGet.self) { params, _ in try apps.get(params) }
    registerJob(AppSetup.self, domains, \.waitSeconds) { try apps.setup($0) }
    register(AppBuildStatus.self) { params, _ in try apps.buildStatus(params) }
    register(AppStart.self) { params, _ in try await apps.start(params) }
    register(AppStop.self) { params, _ in try await apps.stop(params) }
    register(AppRestart.self) { params, _ in try await apps.restart(params) }
    register(AppEnsureRunning.self) { params, _ in try await apps.ensureRunning(params) }
    register(AppStartAll.self) { params, _ in try await apps.startAll(params) }
    register(AppStopAll.self) { params, _ in try await apps.stopAll(params) }
    registerAnswer(AppLogs.self) { params, call in
      if params.follow { return try call.followLogs(try apps.follow(params), domains) }
      return try await call.answer(isLarge: params.tail > Call.fewRows) { try apps.logs(params) }
    }
    register(PortList.self) { params, _ in try apps.listPorts(params) }
    register(PortResolve.self) { params, _ in try apps.resolvePort(params) }
    register(PortReserve.self) { params, _ in try apps.reservePort(params) }
    register(PortRelease.self) { params, _ in try apps.releasePort(params) }
    register(PortWhoOwns.self) { params, _ in try apps.whoOwns(params) }
  }
}
