import BerthClient
import BerthProtocol
import Glibc
import JSON
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct AppsInstallTests {
  let home: AppHome

  init() throws { home = try AppHome() }

  @Test func `an app comes from a git repository, at a tag and from one of its folders`() throws {
    _ = try home.server.folder.shell(
      """
      mkdir -p repository/apps/tool; cd repository; git init -q -b main .
      git config user.email test@example.org; git config user.name Test
      printf 'app_id: tool\\nstart: exec sleep 1000\\n' > apps/tool/app.runtime.yaml; echo one > apps/tool/version
      git add .; git commit -qm one; git tag v1; echo two > apps/tool/version; git commit -qam two
      """)
    let url = home.server.folder.path + "/repository"
    let installed = try home.call(
      AppInstall.self,
      .init(workspace: home.workspace, folder: "tools/first", url: url, ref: "v1", subdirectory: "apps/tool"))
    #expect(installed.created && installed.app.app == "tool" && installed.app.folder == "tools/first")
    #expect(try home.file("tools/first/version") == "one\n")
    #expect(try home.start("tool").state == .running)
    let again = try home.failure(
      AppInstall.self, .init(workspace: home.workspace, folder: "tools/first", url: url, subdirectory: "apps/tool"))
    #expect(again?.type == .alreadyExists)
    let missing = try home.failure(
      AppInstall.self, .init(workspace: home.workspace, url: home.server.folder.path + "/nothing"))
    #expect(missing?.type == .sourceUnavailable)
    #expect(access(home.path + "/nothing", F_OK) != 0)
  }

  @Test func `what can't be installed leaves no folders, but for those that were there`() throws {
    _ = try home.server.folder.shell(
      "mkdir -p ws/there; mkdir source; echo text > source/file; zip -qr source.zip source")
    for (url, type) in [("/nothing.zip", ErrorType.sourceUnavailable), ("/source.zip", .manifestNotFound)] {
      for folder in ["new/er/app", "there/new/app", "there/app"] {
        let error = try home.failure(
          AppInstall.self,
          .init(workspace: home.workspace, folder: folder, url: home.server.folder.path + url))
        #expect(error?.type == type, "\(String(describing: error))")
      }
      #expect(try home.server.folder.shell("find ws") == "ws\nws/there\n")
    }
  }

  @Test func `an app comes from an archive, all of it or nothing`() throws {
    _ = try home.server.folder.shell(
      """
      mkdir packed; cd packed; printf 'app_id: packed\\nstart: exec sleep 1000\\n' > app.runtime.yaml
      zip -q ../packed.zip app.runtime.yaml; head -c 60 ../packed.zip > ../broken.zip
      """)
    let installed = try home.call(
      AppInstall.self, .init(workspace: home.workspace, url: home.server.folder.path + "/packed.zip"))
    #expect(installed.app.folder == "packed" && installed.app.manifest == "packed/app.runtime.yaml")
    #expect(try home.start("packed").state == .running)
    let broken = try home.failure(
      AppInstall.self, .init(workspace: home.workspace, url: home.server.folder.path + "/broken.zip"))
    #expect(broken?.type == .archiveRejected || broken?.type == .sourceUnavailable)
    #expect(access(home.path + "/broken", F_OK) != 0)
  }

  @Test func `a folder that leads out of the workspace is no app`() throws {
    try home.server.folder.write("outside/app.runtime.yaml", "app_id: outside\nstart: exec sleep 1000\n")
    symlink(home.server.folder.path + "/outside", home.path + "/link")
    let error = try home.failure(AppInstall.self, .init(workspace: home.workspace, folder: "link"))
    #expect(error?.type == .pathEscapes, "\(String(describing: error))")
    #expect(try home.failure(AppInstall.self, .init(workspace: home.workspace, folder: "../outside")) != nil)
    #expect(try home.ensureRunning().apps == [])
    // One that becomes such a folder later is not started either.
    try home.install("inside", "start: exec sleep 1000")
    _ = try home.server.folder.shell("rm -r ws/inside; ln -s '\(home.server.folder.path)/outside' ws/inside")
    let app = try home.start("inside")
    #expect(app.state == .failed && app.reason == .folderMissing && home.processes() == [])
  }

  @Test func `a compose file is refused with a word on what it is`() throws {
    try home.server.folder.write(
      "ws/composed/app.runtime.yaml", "services:\n  web:\n    image: nginx\n    ports: ['80:80']\n")
    let error = try home.failure(AppInstall.self, .init(workspace: home.workspace, folder: "composed"))
    #expect(error?.type == .manifestInvalid && error?.message.lowercased().contains("compose") == true)
    let finding = error?.data?["findings"]?.arrayValue?.first
    #expect(finding?["severity"] == "error" && finding?["text"]?.stringValue?.contains("^") == true)
    try home.server.folder.write("ws/bare/docker-compose.yaml", "services: {}\n")
    #expect(
      try home.failure(AppInstall.self, .init(workspace: home.workspace, folder: "bare"))?.type == .manifestNotFound)
  }

  @Test func `what is uninstalled leaves nothing`() throws {
    let app = try home.install(
      "gone", "ports: [http]\nstart: echo words; \(home.listener())", secretEnv: ["KEY": "value"])
    try home.start("gone")
    let last = try home.call(AppUninstall.self, .init(app: "gone", deleteFiles: true))
    #expect(last.id == app.id && home.processes() == [])
    #expect(try home.failure(AppGet.self, .init(app: "gone"))?.type == .appNotFound)
    #expect(try home.failure(StreamRead.self, .init(stream: app.stream))?.type == .streamNotFound)
    #expect(try home.call(PortList.self, .init()).ports == [])
    #expect(access(home.path + "/gone", F_OK) != 0)
    try home.crash()
    #expect(try home.call(AppList.self, .init()).apps == [])
    try home.until("the shim's end") { home.shims().isEmpty }
    let left = try home.server.folder.shell("find home -name '*\(app.id)*'")
    #expect(left == "")
  }

  @Test func `a workspace that is deleted takes its apps with it`() throws {
    try home.install("one", "start: exec sleep 1000")
    try home.install("two", "start: nohup sleep 1000 > /dev/null 2>&1 &")
    #expect(try home.ensureRunning().ok && home.processes().count == 2)
    _ = try home.call(WorkspaceDelete.self, .init(workspace: home.workspace))
    try home.until("the end of its apps") { home.processes().isEmpty }
    try home.until("an empty list") { try home.call(AppList.self, .init()).apps.isEmpty }
  }

  @Test func `what is installed again is the same app, read anew`() throws {
    let app = try home.install("same", "start: exec sleep 1000", env: ["A": "1"])
    let again = try home.install("same", "name: Other\nstart: exec sleep 1001", env: ["B": "2"])
    #expect(again.id == app.id && again.name == "Other" && again.env == ["A": "1", "B": "2"])
    try home.server.folder.write("ws/twin/app.runtime.yaml", "app_id: same\nstart: exec sleep 1000\n")
    #expect(
      try home.failure(AppInstall.self, .init(workspace: home.workspace, folder: "twin"))?.type == .alreadyExists)
  }
}
