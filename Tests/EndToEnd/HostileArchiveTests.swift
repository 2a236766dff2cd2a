import BerthClient
import BerthProtocol
import JSON
import Platform
import TestSupport
import Testing

/// An archive that would fill the disk or leave the workspace changes nothing.
@Suite(.enabled(if: Machine.has("python3"), "needs python3")) struct HostileArchiveTests {
  private let server: TestServer
  private let client: Client
  private let folder: TemporaryFolder

  init() throws {
    server = try TestServer(config: #"{"templates":{"maxFiles":500,"maxBytes":50000000}}"#)
    client = try server.connect()
    folder = server.folder
    try folder.shell("mkdir -p ws/sub outside; echo mine > ws/a; echo mine > ws/sub/b; echo secret > outside/f")
    try folder.shell("python3 - <<'PYTHON'\n\(Self.script)\nPYTHON")
    _ = try client.request(WorkspaceCreate.self, .init(key: "w", path: folder.path + "/ws"))
  }

  /// Writes `NAME.tar.gz` and `NAME.zip`, each with something harmless first.
  private static let script = """
    import io, stat, tarfile, zipfile
    here = __import__("os").getcwd()
    LINK, DIRECTORY = tarfile.SYMTYPE, tarfile.DIRTYPE
    archives = {
        "ratio": [("zeros", None, b"0" * 30000000)],
        "count": [(f"d/{n}", None, b"") for n in range(600)],
        "size": [(f"r{n}", None, __import__("os").urandom(6000000)) for n in range(10)],
        "parent": [("../outside/new", None, b"x")],
        "hidden-parent": [("sub/../../outside/new", None, b"x")],
        "absolute": [(here + "/outside/new", None, b"x")],
        "link": [("l", LINK, here + "/outside"), ("l/new", None, b"x")],
        "relative-link": [("l", LINK, "../outside"), ("l/f", None, b"x")],
        "inner-link": [("d", DIRECTORY, ""), ("l", LINK, "d"), ("l/new", None, b"x")],
        "hard-link": [("h", tarfile.LNKTYPE, here + "/outside/f"), ("h", None, b"x")],
        "device": [("null", tarfile.CHRTYPE, "")],
        "block": [("disk", tarfile.BLKTYPE, "")],
        "pipe": [("pipe", tarfile.FIFOTYPE, "")],
    }
    for name, entries in archives.items():
        with tarfile.open(f"{name}.tar.gz", "w:gz") as archive:
            for path, kind, data in [("harmless", None, b"x")] + entries:
                info = tarfile.TarInfo(path)
                info.type = kind or tarfile.REGTYPE
                content = data if kind is None else b""
                info.linkname, info.size = "" if kind is None else data, len(content)
                archive.addfile(info, io.BytesIO(content))
        with zipfile.ZipFile(f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            modes = {LINK: stat.S_IFLNK, DIRECTORY: stat.S_IFDIR, tarfile.CHRTYPE: stat.S_IFCHR,
                     tarfile.BLKTYPE: stat.S_IFBLK, tarfile.FIFOTYPE: stat.S_IFIFO}
            for path, kind, data in [("harmless", None, b"x")] + entries:
                info = zipfile.ZipInfo(path + ("/" if kind == DIRECTORY else ""))
                info.create_system, info.compress_type = 3, zipfile.ZIP_DEFLATED
                info.external_attr = (modes.get(kind, stat.S_IFREG) | 0o644) << 16
                archive.writestr(info, data)
    """

  /// All that is there, but for the server's own records.
  private func state() throws -> String {
    try folder.shell(
      """
      find ws outside -printf '%p %y %m %T@ %l\\n' | sort; find ws outside -type f | sort | xargs sha256sum; ls
      find home/workspaces home/trash home/templates -mindepth 1
      """)
  }

  static let archives =
    [
      "ratio", "count", "size", "parent", "hidden-parent", "absolute", "link", "relative-link", "inner-link", "device",
      "block",
    ].flatMap { ["\($0).tar.gz", "\($0).zip"] } + ["hard-link.tar.gz", "pipe.tar.gz"]

  private static func check(_ job: Job, _ archive: String) {
    #expect(job.state == .failed, "\(archive): \(job)")
    #expect(job.error?.type == "archive_rejected" && job.error?.code == 422, "\(archive): \(job)")
  }

  @Test func `a hostile archive is refused and leaves everything as it was`() throws {
    let before = try state()
    for archive in Self.archives {
      let source = "\(folder.path)/\(archive)"
      for replaces in [false, true] {
        let job = try client.request(
          WorkspaceCloneTemplate.self,
          .init(workspace: "w", url: source, replaceExisting: replaces, waitSeconds: 20)
        ).job
        Self.check(job, archive)
        #expect(try state() == before, "\(archive)")
      }
      let job = try client.request(
        WorkspaceImport.self, .init(source: source, path: folder.path + "/new/folder", waitSeconds: 20)
      ).job
      Self.check(job, archive)
      #expect(try state() == before, "\(archive)")
    }
    #expect(try client.request(WorkspaceList.self, .init()).workspaces.count == 1)
    // The workspace is as good as before.
    _ = try client.request(FileWrite.self, .init(workspace: "w", path: "a", content: "new"))
    #expect(try folder.read("ws/a") == "new")
  }
}
