import BerthProtocol
import Foundation
import JSON
import Jobs
import Platform
import Testing

@testable import Workspaces

@Suite struct ArchiveExportTests {
  let home: PlacementHome
  let workspace: Workspace

  init() throws {
    home = try PlacementHome()
    workspace = try home.workspace(
      "demo", ["a.txt": "one", "src/b ü.txt": "two", ".gitignore": "*.log\n/build\n", "x.log": "log", "build/o": "o"])
    try home.shell(
      """
      cd demo; mkdir .git empty; echo config > .git/config; ln -s src/../a.txt link; chmod 755 a.txt; chmod 700 src
      touch -d '2021-01-02 03:04:05 UTC' a.txt src empty; mkdir .berth-write-1-x-1
      """)
  }

  private func export(
    _ name: String, format: ArchiveFormat? = nil, ignored: Bool = false, overwrite: Bool = false
  )
    async throws -> Job
  {
    try await home.end(
      of: home.archives.export(
        .init(
          workspace: workspace.id, path: home.path(name), format: format, includeIgnored: ignored,
          overwrite: overwrite)))
  }

  private func `import`(_ name: String, path: String? = nil, key: String? = nil) async throws -> Job {
    try await home.end(
      of: home.archives.import(.init(source: home.path(name), key: key, path: path.map { home.path($0) })))
  }

  @Test(arguments: ["tar.gz", "tgz", "tar.zst", "zip"])
  func whatIsExportedIsImportedAsItWas(ending: String) async throws {
    let exported = try await export("out.\(ending)")
    #expect(exported.state == .succeeded, "\(exported)")
    #expect(exported.result?["files"] == 4 && exported.result?["bytes"] == 19)
    #expect(
      try exported.result?["archiveBytes"]?.intValue.map { "\($0)\n" }
        == home.shell("stat -c %s out.\(ending)"))
    let imported = try await `import`("out.\(ending)", path: "copy")
    #expect(imported.state == .succeeded, "\(imported)")
    #expect(imported.result?["workspace"]?["name"] == "copy")
    try home.shell("rm -rf demo/.git demo/build demo/x.log demo/.berth-*")
    let show = "find . -mindepth 1 -printf '%P %y %m %l\\n' | sort; find . -type f | sort | xargs -d '\\n' sha256sum"
    #expect(try home.shell("cd demo; \(show)") == home.shell("cd copy; \(show)"))
    #expect(try home.shell("stat -c %Y copy/a.txt copy/empty") == "1609556645\n1609556645\n")
    #expect(try home.leftovers() == "")
  }

  @Test func ignoredFilesComeAlongOnRequest() async throws {
    #expect(try await export("all.tar.gz", ignored: true).state == .succeeded)
    let names = try home.shell("tar tzf all.tar.gz | sort")
    #expect(names.contains(".git/config\n") && names.contains("build/o\n") && names.contains("x.log\n"))
    #expect(!names.contains(".berth-"))
  }

  @Test func whatNoArchiveCanHoldIsNamedAndLeftOut() async throws {
    try home.shell("cd demo; mkfifo pipe; ln -s /etc/passwd absolute; ln -s ../.. up")
    let started = try home.archives.export(.init(workspace: workspace.id, path: home.path("o.zip")))
    #expect(try await home.end(of: started).state == .succeeded)
    let lines = try home.lines(of: started).filter { $0.contains("is left out") }
    #expect(lines.count == 3, "\(lines)")
    #expect(try await `import`("o.zip", path: "copy").state == .succeeded)
  }

  @Test func anArchiveThatIsThereIsReplacedOnlyOnRequest() async throws {
    try home.shell("echo mine > out.zip")
    let error = try #require(throws: ProtocolError.self) {
      try home.archives.export(.init(workspace: "demo", path: home.path("out.zip")))
    }
    #expect(error.type == .alreadyExists)
    #expect(try await export("out.zip", overwrite: true).state == .succeeded)
    #expect(try home.shell("unzip -tq out.zip; stat -c %a out.zip").hasSuffix("644\n"))
    // In the workspace itself, and not in itself.
    #expect(try await export("demo/self.tar.gz").state == .succeeded)
    #expect(try await export("demo/self.tar.gz", overwrite: true).state == .succeeded)
    #expect(try !home.shell("tar tzf demo/self.tar.gz").contains("self"))
  }

  @Test func pathsThatCannotBeWrittenAreRefusedAtOnce() throws {
    func type(_ path: String) -> ErrorType? {
      do {
        _ = try home.archives.export(.init(workspace: "demo", path: path))
        return nil
      } catch {
        return (error as? ProtocolError)?.type
      }
    }
    #expect(type("relative.zip") == .invalidArgument)
    #expect(type(home.path("x.rar")) == .invalidArgument)
    #expect(type(home.path("none/x.zip")) == .invalidArgument)
    #expect(type(home.path("demo")) == .invalidArgument)
    #expect(type("/") == .invalidArgument)
  }

  @Test func managedFoldersGetTheArchivesName() async throws {
    try home.shell("mkdir t; echo x > t/x; tar czf My-App.tar.gz -C t .")
    let first = try await `import`("My-App.tar.gz", key: "k1")
    let second = try await `import`("My-App.tar.gz")
    #expect(first.result?["workspace"]?["path"]?.stringValue?.hasSuffix("/home/workspaces/my-app") == true, "\(first)")
    #expect(second.result?["workspace"]?["path"]?.stringValue?.hasSuffix("/home/workspaces/my-app-2") == true)
    #expect(first.result?["workspace"]?["managed"] == true && first.result?["workspace"]?["name"] == "My-App")
    let error = try #require(throws: ProtocolError.self) {
      try home.archives.import(.init(source: home.path("My-App.tar.gz"), key: "k1"))
    }
    #expect(error.type == .alreadyExists)
  }

  @Test func importsGoIntoMissingOrEmptyFoldersOnly() async throws {
    try home.shell("mkdir t empty full; echo x > t/x; echo y > full/y; tar czf t.tar.gz -C t .; chmod 750 empty")
    #expect(try await `import`("t.tar.gz", path: "empty").state == .succeeded)
    #expect(try home.shell("stat -c %a empty; cat empty/x") == "750\nx\n")
    #expect(try await `import`("t.tar.gz", path: "a/b/c").state == .succeeded)
    for (path, type) in [
      ("full", ErrorType.directoryNotEmpty), ("t.tar.gz", .notADirectory), ("empty", .alreadyExists),
      ("home/logs", .invalidArgument),
    ] {
      let error = try #require(throws: ProtocolError.self) {
        try home.archives.import(.init(source: home.path("t.tar.gz"), path: home.path(path)))
      }
      #expect(error.type == type, "\(path)")
    }
    let hostile = try #require(throws: ProtocolError.self) {
      try home.archives.import(.init(source: "git@example.org:x"))
    }
    #expect(hostile.type == .invalidArgument)
  }

  @Test func aHostileImportLeavesNothing() async throws {
    try home.shell(
      "python3 -c \"import zipfile; z=zipfile.ZipFile('h.zip','w'); z.writestr('a','x'); z.writestr('../b','x')\"")
    let job = try await `import`("h.zip", path: "new/folder")
    #expect(job.error?.type == "archive_rejected" && job.error?.detail.hasPrefix("../b: ") == true)
    #expect(!home.exists("new") && home.workspaces.count == 1)
    #expect(try home.leftovers() == "")
  }

  @Test func aRepeatedKeyFindsItsJob() async throws {
    try home.shell("mkdir t; echo x > t/x; tar czf t.tar.gz -C t .")
    let params = WorkspaceImport.Params(source: home.path("t.tar.gz"), path: home.path("new"), idempotencyKey: "once")
    let first = try home.archives.import(params)
    #expect(try await home.end(of: first).state == .succeeded)
    let second = try home.archives.import(params)
    #expect(!second.created && second.job.id == first.job.id)
    #expect(home.workspaces.count == 2)
  }
}
