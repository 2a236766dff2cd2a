import BerthProtocol
import Foundation
import JSON
import Jobs
import Platform
import TestSupport
import Testing

@testable import Workspaces

@Suite struct TemplateTests {
  let home: PlacementHome

  init() throws {
    home = try PlacementHome()
  }

  private func apply(
    _ source: TemplateSource, to workspace: Workspace, variables: [String: String]? = nil, replace: Bool = false
  ) async throws -> Job {
    try await home.end(
      of: home.templates.applyTemplate(
        .init(workspace: workspace.id, template: source, variables: variables, replaceExisting: replace)))
  }

  private func files(_ files: [String: String]) -> TemplateSource {
    TemplateSource(files: files.sorted { $0.key < $1.key }.map { InlineFile(path: $0.key, content: $0.value) })
  }

  // MARK: Putting in place

  @Test func anEmptyWorkspaceIsFilledInOneStep() async throws {
    let workspace = try home.workspace()
    try home.shell("chmod 2750 demo")
    let job = try await apply(files(["a.txt": "one", "sub/b.txt": "two"]), to: workspace)
    #expect(job.state == .succeeded, "\(job)")
    #expect(job.result?["files"] == 2 && job.result?["directories"] == 1 && job.result?["bytes"] == 6)
    #expect(home.text(of: "demo/a.txt") == "one" && home.text(of: "demo/sub/b.txt") == "two")
    #expect(try home.shell("stat -c %a demo") == "2750\n")
    #expect(try home.workspaces.resolve(workspace.id).folderState == .present)
    #expect(try home.leftovers() == "")
  }

  @Test func base64FilesAndExecutablesAreWritten() async throws {
    let workspace = try home.workspace()
    let source = TemplateSource(files: [
      InlineFile(path: "bin/run", content: "AAEC", encoding: .base64, executable: true)
    ])
    #expect(try await apply(source, to: workspace).state == .succeeded)
    #expect(try home.shell("stat -c %a demo/bin/run; od -An -tx1 demo/bin/run") == "755\n 00 01 02\n")
  }

  @Test func newFilesAreAddedToWhatIsThere() async throws {
    let workspace = try home.workspace("demo", ["keep.txt": "mine", "src/old.txt": "old"])
    let job = try await apply(files(["src/new.txt": "n", "src/deep/x.txt": "x", "top.txt": "t"]), to: workspace)
    #expect(job.state == .succeeded, "\(job)")
    #expect(
      try home.shell("cd demo; find . -type f | sort; cat src/old.txt")
        == "./keep.txt\n./src/deep/x.txt\n./src/new.txt\n./src/old.txt\n./top.txt\nold")
    #expect(try home.leftovers() == "")
  }

  @Test func aFileThatIsThereAlreadyFailsTheJobAndNothingIsChanged() async throws {
    let workspace = try home.workspace("demo", ["a/b.txt": "mine", "c": "mine"])
    let before = try home.listing(of: "demo")
    let job = try await apply(files(["a/b.txt": "x", "a/new.txt": "x", "c/d.txt": "x"]), to: workspace)
    #expect(job.state == .failed && job.error?.type == "already_exists")
    #expect(job.error?.errors?.map { $0.loc } == [["a/b.txt"], ["c"]])
    #expect(try home.listing(of: "demo") == before)
    #expect(try home.leftovers() == "")
  }

  @Test func replacingRemovesWhatWasThere() async throws {
    let workspace = try home.workspace("demo", ["a/b.txt": "mine", ".git/config": "x"])
    let job = try await apply(files(["new.txt": "n"]), to: workspace, replace: true)
    #expect(job.state == .succeeded, "\(job)")
    #expect(try home.shell("ls -A demo") == "new.txt\n")
    #expect(try home.workspaces.resolve(workspace.id).folderState == .present)
    #expect(try home.leftovers() == "")
  }

  @Test func aWorkspaceThatHoldsAnotherIsNotReplaced() async throws {
    let workspace = try home.workspace("demo", ["inner/x.txt": "x"])
    _ = try home.workspaces.create(.init(path: home.path("demo/inner")))
    let job = try await apply(files(["new.txt": "n"]), to: workspace, replace: true)
    #expect(job.error?.type == "invalid_argument")
    #expect(home.text(of: "demo/inner/x.txt") == "x")
  }

  // MARK: Sources

  @Test func aFolderIsCopiedWithoutItsRepository() async throws {
    let workspace = try home.workspace()
    try home.shell(
      """
      mkdir -p t/sub t/.git t/sub/.git; echo a > t/a; echo x > t/.git/config; echo y > t/sub/.git/config
      ln -s sub t/link; chmod 755 t/a; mkdir t/empty
      """)
    let job = try await apply(TemplateSource(folder: home.path("t")), to: workspace)
    #expect(job.state == .succeeded, "\(job)")
    #expect(
      try home.shell("cd demo; find . -mindepth 1 -printf '%P %y %m\\n' | sort")
        == "a f 755\nempty d 755\nlink l 777\nsub d 755\nsub/.git d 755\nsub/.git/config f 644\n")
  }

  @Test func namedTemplatesAreFoundInTheHome() async throws {
    let workspace = try home.workspace()
    try home.shell("mkdir -p home/templates/web/src; echo w > home/templates/web/src/w.txt")
    #expect(try await apply(TemplateSource(name: "web", subdirectory: "src"), to: workspace).state == .succeeded)
    #expect(home.text(of: "demo/w.txt") == "w\n")
    let error = try #require(throws: ProtocolError.self) {
      try home.templates.applyTemplate(.init(workspace: "demo", template: .init(name: "nothing")))
    }
    #expect(error.type == .templateNotFound && error.message.contains("`web`"))
  }

  @Test func sourcesThatMakeNoSenseAreRefused() throws {
    _ = try home.workspace()
    func error(_ source: TemplateSource) -> ErrorType? {
      do {
        _ = try home.templates.applyTemplate(.init(workspace: "demo", template: source))
        return nil
      } catch {
        return (error as? ProtocolError)?.type
      }
    }
    #expect(error(.init()) == .invalidArgument)
    #expect(error(.init(folder: "/", name: "x")) == .invalidArgument)
    #expect(error(.init(files: [], ref: "main")) == .invalidArgument)
    #expect(error(.init(url: "https://example.org/x.git")) == .invalidArgument)
    #expect(error(.init(folder: "relative")) == .invalidArgument)
    #expect(error(.init(folder: home.path("missing"))) == .templateNotFound)
    #expect(error(.init(name: "x", subdirectory: "../..")) != nil)
    #expect(error(files(["../x": ""])) == .templateInvalid)
    #expect(error(files(["/x": ""])) == .templateInvalid)
    #expect(error(.init(files: [.init(path: "x", content: "*", encoding: .base64)])) == .templateInvalid)
    #expect(error(.init(files: [.init(path: "x", content: ""), .init(path: "./x", content: "")])) == .templateInvalid)
  }

  @Test func linksThatLeadOutAndDevicesAreRefused() async throws {
    let workspace = try home.workspace()
    for (script, entry) in [
      ("ln -s /etc/passwd t/l", "l"), ("mkdir t/d; ln -s ../../x t/d/l", "d/l"), ("mkfifo t/p", "p"),
      ("mkdir -p t/a/b; ln -s ../.. t/a/b/up; ln -s a/b/up/.. t/z", "z"),
    ] {
      try home.shell("rm -rf t; mkdir t; \(script)")
      let job = try await apply(TemplateSource(folder: home.path("t")), to: workspace)
      #expect(job.error?.type == "template_invalid" && job.error?.detail.hasPrefix("\(entry): ") == true, "\(job)")
    }
    #expect(try home.shell("ls -A demo") == "")
  }

  // MARK: Variables

  private static let manifest = """
    name: App
    variables:
      - {name: name, description: The app's name, pattern: "[a-z][a-z0-9-]*"}
      - {name: port, default: "8080", pattern: "\\\\d+"}
    verbatim: ["*.tpl", "raw/**"]
    """

  @Test func variablesAreFilledInInTextsAndPaths() async throws {
    let workspace = try home.workspace()
    try home.shell(
      """
      mkdir -p 't/src/{{name}}' t/raw
      echo '{{name}} on {{port}}, {{other}}, {{{name}}}, {{ name }}, {{name}' > 't/src/{{name}}/{{name}}-main.txt'
      chmod 755 't/src/{{name}}/{{name}}-main.txt'
      echo '{{name}}' > t/a.tpl; echo '{{name}}' > t/raw/x; printf '{{name}}\\0' > t/binary
      printf '\\377{{name}}' > t/latin; ln -s 'src/{{name}}' t/link; echo '{{name}}' > 't/{{unknown}}'
      """)
    try home.folder.write("t/berth.template.yaml", Self.manifest)
    let job = try await apply(
      TemplateSource(folder: home.path("t")), to: workspace, variables: ["name": "shop", "extra": "x"])
    #expect(job.state == .succeeded, "\(job)")
    #expect(
      try home.shell("cd demo; find . -mindepth 1 -printf '%P %m %l\\n' | sort")
        == """
        a.tpl 644 \nbinary 644 \nlatin 644 \nlink 777 src/shop\nraw 755 \nraw/x 644 \nsrc 755 \nsrc/shop 755 \n\
        src/shop/shop-main.txt 755 \n{{unknown}} 644 \n
        """)
    #expect(
      home.text(of: "demo/src/shop/shop-main.txt")
        == "shop on 8080, {{other}}, {shop}, {{ name }}, {{name}\n")
    #expect(try home.shell("cat demo/a.tpl demo/raw/x 'demo/{{unknown}}'") == "{{name}}\n{{name}}\nshop\n")
    #expect(try home.shell("tail -c +2 demo/latin; head -c 8 demo/binary") == "shop{{name}}")
  }

  @Test func missingAndUnfittingVariablesAreToldAtOnce() throws {
    _ = try home.workspace()
    let source = files(["berth.template.yaml": Self.manifest, "x": ""])
    let error = try #require(throws: ProtocolError.self) {
      try home.templates.applyTemplate(
        .init(workspace: "demo", template: source, variables: ["port": "none"]))
    }
    #expect(error.type == .templateVariables)
    #expect(error.errors.map(\.loc) == [["variables", "name"], ["variables", "port"]])
    #expect(error.errors.map(\.type) == ["missing", "pattern"])
    #expect(error.extra["variables"]?.arrayValue?.count == 2)
  }

  @Test func faultyManifestsAreToldWhole() throws {
    _ = try home.workspace()
    func fault(_ text: String) -> ProtocolError? {
      do {
        _ = try home.templates.applyTemplate(
          .init(workspace: "demo", template: files(["berth.template.yaml": text])))
        return nil
      } catch {
        return error as? ProtocolError
      }
    }
    let several = try #require(fault("name: 7\nvariables: [{default: x}, {name: 1a}]"))
    #expect(several.type == .templateInvalid)
    #expect(
      several.errors.map(\.loc)
        == [["name"], ["variables", 0, "name"], ["variables", 1, "name"]], "\(several.errors)")
    #expect(fault("variables: [{name: a}, {name: a}]")?.errors.first?.type == "duplicate")
    #expect(fault("variables: [{name: a, pattern: '('}]")?.errors.first?.loc == ["variables", 0, "pattern"])
    #expect(fault("a: [")?.type == .templateInvalid)
    #expect(fault("- a")?.type == .templateInvalid)
    let bomb = (1...20).reduce("a0: &a0 [x, x]\n") { $0 + "a\($1): &a\($1) [*a\($1 - 1), *a\($1 - 1)]\n" }
    #expect(fault(bomb)?.detail.contains("20000 values") == true)
    #expect(fault(String(repeating: "[", count: 100_000))?.type == .templateInvalid)
    #expect(fault("# nothing") == nil)
  }

  @Test(arguments: ["../x", "a/b", "..", "/"])
  func aValueCannotLeadAPathAstray(value: String) async throws {
    let workspace = try home.workspace()
    let source = files(["berth.template.yaml": "variables: [{name: v}]", "d/{{v}}": "x"])
    let job = try await apply(source, to: workspace, variables: ["v": value])
    #expect(job.error?.type == "template_invalid", "\(job)")
    #expect(try home.shell("ls -A demo; ls -A") == "demo\nhome\n")
  }

  @Test func namesThatCollideOnceFilledInAreRefused() async throws {
    let workspace = try home.workspace()
    let source = files(["berth.template.yaml": "variables: [{name: v}]", "{{v}}": "x", "same": "y"])
    let job = try await apply(source, to: workspace, variables: ["v": "same"])
    #expect(job.error?.type == "template_invalid")
  }

  @Test func valuesThatMultiplyAreStoppedByTheLimit() async throws {
    let home = try PlacementHome(limits: TemplatesConfig(maxBytes: 1 << 20))
    let workspace = try home.workspace()
    let source = files([
      "berth.template.yaml": "variables: [{name: v}]", "x": String(repeating: "{{v}}", count: 1000),
    ])
    let job = try await home.end(
      of: home.templates.applyTemplate(
        .init(
          workspace: workspace.id, template: source, variables: ["v": String(repeating: "y", count: 60_000)])))
    #expect(job.error?.detail.contains("templates.maxBytes") == true, "\(job)")
  }

  // MARK: Creating

  @Test func aWorkspaceIsCreatedFromATemplate() async throws {
    let created = try home.templates.createWorkspace(
      .init(name: "Shop", path: home.path("shop"), template: files(["a": "1"])))
    let job = try await home.end(of: JobStarted(job: try #require(created.job), created: true))
    #expect(job.state == .succeeded && home.text(of: "shop/a") == "1")
    #expect(throws: ProtocolError.self) {
      try home.templates.createWorkspace(.init(name: "Other", template: .init(name: "missing")))
    }
    #expect(home.workspaces.count == 1)
  }
}
