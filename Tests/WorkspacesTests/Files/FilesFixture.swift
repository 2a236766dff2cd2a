import BerthProtocol
import Glibc
import JSON
import Platform
import Synchronization
import Testing

@testable import Workspaces

/// A real folder that stands for a workspace, removed with the object.
final class FilesFixture: WorkspaceFolders {
  let path: String
  let directory: Directory
  private let limit = Atomic<Int>(64 << 20)

  init() throws {
    var template = Array("/tmp/berth-files-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
    }
    path = try #require(made)
    directory = try Directory(path: path)
  }

  deinit {
    guard let name = FileName(String(path.dropFirst("/tmp/".count))) else { return }
    try? Directory(path: "/tmp").removeTree(name)
  }

  var service: FileService { FileService(workspaces: self, maximumContentBytes: { self.maximumContentBytes }) }

  var maximumContentBytes: Int {
    get { limit.load(ordering: .relaxed) }
    set { limit.store(newValue, ordering: .relaxed) }
  }

  func open(_ reference: String, for access: WorkspaceAccess) throws -> OpenWorkspace {
    let workspace = Workspace(
      id: "ws_1", slug: "w", name: "w", path: path, managed: false, state: .active, folderState: .present, labels: [:],
      metadata: [:], version: 1, createdAt: Timestamp.now(), updatedAt: Timestamp.now())
    return OpenWorkspace(workspace: workspace, directory: directory)
  }

  // What tests put there without the service.

  func put(_ path: String, _ content: String = "") throws {
    try put(path, Array(content.utf8))
  }

  func put(_ path: String, _ content: [UInt8]) throws {
    let relative = try RelativePath(path)
    try directory.makeDirectories(relative.parent)
    let file = try directory.open(relative, [.write, .create, .truncate])
    try content.withUnsafeBytes { try file.write($0) }
  }

  func folder(_ path: String) throws {
    try directory.makeDirectories(RelativePath(path))
  }

  func link(_ path: String, to target: String) throws {
    let place = try directory.place(of: RelativePath(path))
    try place.directory.makeLink(place.name, to: Array(target.utf8))
  }

  func content(_ path: String) throws -> String {
    let file = try directory.open(RelativePath(path), .read)
    var bytes = [UInt8](repeating: 0, count: Int(try file.status().size))
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  func exists(_ path: String) -> Bool { (try? directory.status(of: RelativePath(path))) != nil }

  func names(in folder: String = ".") throws -> [String] {
    try directory.listing(RelativePath(folder)).entries.map(\.name.string).sorted()
  }

  // Short forms of calls.

  func read(
    _ path: String, offset: Int = 0, length: Int? = nil, encoding: ReadEncoding = .auto
  ) throws -> FileContent {
    try service.read(FileRead.Params(workspace: "w", path: path, offset: offset, length: length, encoding: encoding))
  }

  @discardableResult
  func write(_ path: String, _ content: String) throws -> FileWritten {
    try service.write(FileWrite.Params(workspace: "w", path: path, content: content))
  }

  func stat(_ path: String) throws -> FileInfo {
    try service.stat(FileStat.Params(workspace: "w", path: path))
  }
}

/// The type of the error that a call fails with.
func errorType<Result>(_ body: () throws -> Result) -> ErrorType? {
  do {
    _ = try body()
    return nil
  } catch let error as ProtocolError {
    return error.type
  } catch {
    Issue.record("not in the protocol's terms: \(error)")
    return nil
  }
}
