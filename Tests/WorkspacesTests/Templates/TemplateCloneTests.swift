import BerthProtocol
import Foundation
import JSON
import Jobs
import Platform
import Testing

@testable import Workspaces

@Suite struct TemplateCloneTests {
  let home: PlacementHome

  init() throws {
    home = try PlacementHome()
    try home.shell(
      """
      git init -q -b main repo; cd repo; git config user.name T; git config user.email t@example.org
      mkdir -p sub/inner; echo one > a.txt; echo s > sub/inner/s.txt; printf '#!/bin/sh\\n' > run; chmod 755 run
      ln -s a.txt link; git add -A; git commit -qm one; git tag -a v1 -m v1
      echo two > a.txt; git commit -qam two; git checkout -qb other; echo three > a.txt; git commit -qam three
      git checkout -q main
      """)
  }

  private func clone(
    _ url: String, ref: String? = nil, subdirectory: String? = nil, variables: [String: String]? = nil,
    to name: String = "demo"
  ) async throws -> Job {
    let workspace = try home.workspace(name)
    return try await home.end(
      of: home.templates.cloneTemplate(
        .init(workspace: workspace.id, url: url, ref: ref, subdirectory: subdirectory, variables: variables)))
  }

  private func commit(_ name: String) throws -> JSONValue {
    .string(String(try home.shell("git -C repo rev-parse '\(name)^{commit}'").dropLast()))
  }

  // MARK: Git

  @Test func aRepositoryIsClonedWithoutItsHistory() async throws {
    let job = try await clone(home.path("repo"))
    #expect(job.state == .succeeded, "\(job)")
    #expect(job.kind == .cloneTemplate)
    #expect(try job.result?["commit"] == commit("main"))
    #expect(
      try home.shell("cd demo; find . -mindepth 1 -printf '%P %y %m %l\\n' | sort; cat a.txt")
        == """
        a.txt f 644 \nlink l 777 a.txt\nrun f 755 \nsub d 755 \nsub/inner d 755 \nsub/inner/s.txt f 644 \ntwo\n
        """)
    #expect(try home.leftovers() == "")
  }

  @Test(arguments: ["other", "v1", "main~1", "HEAD", "refs/heads/other"])
  func branchesTagsAndCommitsAreFound(ref: String) async throws {
    let isExpression = ref.contains("~")
    let full = try commit(ref).stringValue ?? ""
    let job = try await clone("file://\(home.path("repo"))", ref: isExpression ? full : ref)
    #expect(job.state == .succeeded && job.result?["commit"] == .string(full), "\(job)")
    let short = try await clone(home.path("repo"), ref: String(full.prefix(8)), to: "short")
    #expect(short.state == .succeeded && short.result?["commit"] == .string(full), "\(short)")
  }

  @Test func oneFolderOfARepositoryIsEnough() async throws {
    let job = try await clone(home.path("repo"), subdirectory: "sub/inner")
    #expect(try job.state == .succeeded && home.shell("ls demo") == "s.txt\n", "\(job)")
    let missing = try await clone(home.path("repo"), subdirectory: "none", to: "missing")
    #expect(missing.error?.type == "template_invalid")
    let file = try await clone(home.path("repo"), subdirectory: "a.txt", to: "file")
    #expect(file.error?.type == "template_invalid")
  }

  @Test func variablesOfAClonedTemplateFailTheJob() async throws {
    try home.shell(
      """
      cd repo; echo 'variables: [{name: who}]' > berth.template.yaml; echo 'hello {{who}}' > hello
      git add -A; git commit -qm template
      """)
    let failed = try await clone(home.path("repo"))
    #expect(failed.error?.type == "template_variables" && failed.error?.errors?.first?.loc == ["variables", "who"])
    let job = try await clone(home.path("repo"), variables: ["who": "you"], to: "second")
    #expect(job.state == .succeeded && home.text(of: "second/hello") == "hello you\n")
  }

  @Test func whatCannotBeFetchedIsToldInGitsWords() async throws {
    let ref = try await clone(home.path("repo"), ref: "nothing")
    #expect(ref.error?.type == "source_unavailable" && ref.error?.detail.contains("nothing") == true, "\(ref)")
    let place = try await clone("file://\(home.path("missing"))", to: "b")
    #expect(place.error?.type == "source_unavailable")
    let server = try await clone("http://127.0.0.1:9/x.git", to: "c")
    #expect(server.error?.type == "source_unavailable" && server.error?.retryable == true)
    try home.shell("git init -q empty")
    #expect(try await clone(home.path("empty"), to: "d").error?.type == "source_unavailable")
    #expect(try home.leftovers() == "")
  }

  @Test(arguments: [
    "--upload-pack=touch x", "-x", "ext::sh -c touch% x", "fd::3", "relative/path", "gopher://host/x",
    "file://host/x", "file://relative", "a\nb", ":", "./x:y", "file:///%00",
  ])
  func hostileAddressesAreRefused(url: String) throws {
    _ = try home.workspace()
    let error = try #require(throws: ProtocolError.self) {
      try home.templates.cloneTemplate(.init(workspace: "demo", url: url))
    }
    #expect(error.type == .invalidArgument)
  }

  @Test(arguments: ["-x", "--upload-pack=x", "+main", "a:b", "a..b", "a b", "^main", "a*", "@{1}", "a\u{7}"])
  func hostileRefsAreRefused(ref: String) throws {
    _ = try home.workspace()
    let error = try #require(throws: ProtocolError.self) {
      try home.templates.cloneTemplate(.init(workspace: "demo", url: home.path("repo"), ref: ref))
    }
    #expect(error.type == .invalidArgument)
  }

  @Test func addressesAreToldApart() throws {
    #expect(try TemplateOrigin("https://example.org/a/b.git") == .git("https://example.org/a/b.git"))
    #expect(try TemplateOrigin("https://example.org/a/b") == .git("https://example.org/a/b"))
    #expect(
      try TemplateOrigin("HTTPS://example.org/b.TAR.GZ?x=1#y") == .archive(url: "HTTPS://example.org/b.TAR.GZ?x=1#y"))
    #expect(try TemplateOrigin("git@example.org:a/b.git") == .git("git@example.org:a/b.git"))
    #expect(try TemplateOrigin("host:a/b.zip") == .git("host:a/b.zip"))
    #expect(try TemplateOrigin("ssh://git@example.org/a.zip") == .git("ssh://git@example.org/a.zip"))
    #expect(try TemplateOrigin("/srv/a.zip") == .local(path: "/srv/a.zip"))
    #expect(try TemplateOrigin("file:///srv/a%20b") == .local(path: "/srv/a b"))
    #expect(try TemplateOrigin("https://x.org/a/app-1.0.tar.zst?q").name == "app-1.0")
    #expect(try TemplateOrigin("git@x.org:me/tool.git").name == "tool")
    #expect(
      TemplateOrigin.withoutPassword("see https://me:pw@x.org/a@b and ssh://k@h/")
        == "see https://***@x.org/a@b and ssh://***@h/")
  }

  @Test func linksThatLeadOutOfARepositoryAndHooksAreHarmless() async throws {
    try home.shell(
      """
      cd repo; ln -s /etc/passwd out; git add -A; git commit -qm out; git checkout -q -b hooks HEAD~1
      mkdir hooks; printf '#!/bin/sh\\ntouch \(home.path("ran"))\\n' | tee hooks/post-checkout > .git/hooks/post-checkout
      chmod 755 hooks/post-checkout .git/hooks/post-checkout; git add -A; git commit -qm hooks
      """)
    let out = try await clone(home.path("repo"), ref: "main")
    #expect(out.error?.type == "template_invalid" && out.error?.detail.hasPrefix("out: ") == true, "\(out)")
    try home.shell("git config --file gitconfig core.hooksPath \(home.path("repo"))/hooks")
    let hooks = try await clone(home.path("repo"), ref: "hooks", to: "hooked")
    #expect(hooks.state == .succeeded && !home.exists("ran"))
  }

  @Test func submodulesAreNamedAndLeftOut() async throws {
    try home.shell(
      """
      git -c protocol.file.allow=always -C repo submodule --quiet add \(home.path("repo")) module
      git -C repo commit -qm module
      """)
    let started = try home.templates.cloneTemplate(.init(workspace: home.workspace().id, url: home.path("repo")))
    #expect(try await home.end(of: started).state == .succeeded)
    #expect(try home.lines(of: started).contains { $0.contains("`module` is not fetched") })
    #expect(try home.shell("ls -A demo/module") == "")
  }

  @Test func aLargeRepositoryIsRefusedBeforeItIsWritten() async throws {
    let home = try PlacementHome(limits: TemplatesConfig(maxBytes: 1 << 20))
    try home.shell(
      """
      git init -q -b main repo; cd repo; git config user.name T; git config user.email t@example.org
      head -c 50000000 /dev/zero > zeros; git add -A; git commit -qm zeros
      """)
    let workspace = try home.workspace()
    let job = try await home.end(
      of: home.templates.cloneTemplate(.init(workspace: workspace.id, url: home.path("repo"))))
    #expect(job.error?.type == "template_invalid" && job.error?.detail.contains("templates.maxBytes") == true, "\(job)")
  }

  @Test func aCancelledCloneEndsGitAndAllThatItStarted() async throws {
    // A transport that never answers, and has children of its own.
    try home.shell(
      """
      printf '#!/bin/sh\\nsleep 1000 & echo $! > \(home.path("pid")); echo waiting >&2; wait\\n' > ssh; chmod 755 ssh
      """)
    setenv("GIT_SSH_COMMAND", home.path("ssh"), 1)
    defer { unsetenv("GIT_SSH_COMMAND") }
    let workspace = try home.workspace()
    let started = try home.templates.cloneTemplate(.init(workspace: workspace.id, url: "git@example.org:x.git"))
    let pid = try await home.awaitText(of: "pid")
    #expect(try await home.jobs.cancel(.init(job: started.job.id)).state == .cancelled)
    #expect(try await home.awaitEnd(of: pid))
    #expect(try home.leftovers() == "")
    #expect(try home.shell("ls -A demo") == "")
  }

  @Test func aCloneThatTakesTooLongIsStopped() async throws {
    let home = try PlacementHome(limits: TemplatesConfig(timeoutSeconds: 1))
    try home.shell("printf '#!/bin/sh\\nexec sleep 1000\\n' > ssh; chmod 755 ssh")
    let workspace = try home.workspace()
    // A socket that takes connections and says nothing.
    let server = try HTTPServer(
      home,
      "import socket, time; s = socket.create_server(('127.0.0.1', 0))\nprint(s.getsockname()[1], flush=True)\ntime.sleep(1000)"
    )
    defer { server.stop() }
    for url in ["http://127.0.0.1:\(server.port)/x.git", "http://127.0.0.1:\(server.port)/x.zip"] {
      let job = try await home.end(of: home.templates.cloneTemplate(.init(workspace: workspace.id, url: url)))
      #expect(job.error?.type == "source_unavailable", "\(job)")
    }
    #expect(try home.leftovers() == "")
  }

  // MARK: Archives

  @Test(arguments: ["zip", "tar.gz", "tar.zst"])
  func anArchiveIsFetchedOverHTTP(format: String) async throws {
    try home.shell(
      """
      mkdir -p site/t/in; echo x > site/t/in/x; cd site
      case \(format) in zip) zip -qr a.zip t;; tar.gz) tar czf a.tar.gz t;; *) tar cf - t | zstd -q > a.tar.zst;; esac
      """)
    let server = try HTTPServer(home, HTTPServer.files("site"))
    defer { server.stop() }
    let url = "http://127.0.0.1:\(server.port)/a.\(format)"
    let job = try await clone(url, subdirectory: "t/in")
    #expect(try job.state == .succeeded && home.shell("ls demo") == "x\n", "\(job)")
    let missing = try await clone("http://127.0.0.1:\(server.port)/b.zip", to: "b")
    #expect(missing.error?.type == "source_unavailable" && missing.error?.detail.contains("404") == true)
    #expect(try home.leftovers() == "")
  }

  @Test func archivesAtPathsAreToldByWhatTheyAre() async throws {
    try home.shell("mkdir t; echo x > t/x; tar czf oddly-named.bin -C t .; echo no > text.zip; mkfifo pipe")
    #expect(try await clone(home.path("oddly-named.bin")).state == .succeeded)
    #expect(try await clone("file://\(home.path("oddly-named.bin"))", to: "b").state == .succeeded)
    #expect(try await clone(home.path("text.zip"), to: "c").error?.type == "archive_rejected")
    #expect(try await clone(home.path("pipe"), to: "d").error?.type == "archive_rejected")
    #expect(try await clone(home.path("missing.zip"), to: "e").error?.type == "source_unavailable")
  }

  @Test func downloadsKeepTheirLimitAndRedirectsEnd() async throws {
    let home = try PlacementHome(limits: TemplatesConfig(maxBytes: 100_000))
    let server = try HTTPServer(
      home,
      """
      import http.server
      class H(http.server.BaseHTTPRequestHandler):
          def log_message(self, *a): pass
          def do_GET(self):
              if self.path.startswith('/loop'):
                  self.send_response(302); self.send_header('Location', self.path[:-4] + 'x.zip'); self.end_headers(); return
              self.send_response(200)
              if self.path.startswith('/told'): self.send_header('Content-Length', str(10**12))
              self.end_headers()
              try:
                  while True: self.wfile.write(b'x' * 65536)
              except OSError: pass
      s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), H); print(s.server_port, flush=True); s.serve_forever()
      """)
    defer { server.stop() }
    let workspace = try home.workspace()
    for (path, type) in [
      ("told.zip", "archive_rejected"), ("endless.zip", "archive_rejected"), ("loop.zip", "source_unavailable"),
    ] {
      let job = try await home.end(
        of: home.templates.cloneTemplate(.init(workspace: workspace.id, url: "http://127.0.0.1:\(server.port)/\(path)"))
      )
      #expect(job.error?.type == type, "\(job)")
    }
  }
}
