package import BerthProtocol
internal import Glibc
internal import JSON
package import Jobs
internal import Platform

/// Writes workspaces to archives and makes workspaces of them.
package final class ArchiveService: Sendable {
  let workspaces: WorkspaceService
  let jobs: JobStore
  let placements: Placements
  let limits: @Sendable () -> TemplatesConfig

  /// - Parameter limits: What an archive may unpack to; asked for at the start of each job.
  package init(
    workspaces: WorkspaceService, jobs: JobStore, placements: Placements,
    limits: @escaping @Sendable () -> TemplatesConfig
  ) {
    self.workspaces = workspaces
    self.jobs = jobs
    self.placements = placements
    self.limits = limits
  }

  /// `workspace/export`. See `ArchiveExport` for what is left out.
  package func export(_ params: WorkspaceExport.Params) throws -> WorkspaceExport.Result {
    let workspace = try workspaces.openForReadingJob(params.workspace)
    let path = try FolderPath.canonical(params.path)
    let format = try params.format ?? Self.format(of: path)
    try Self.checkTarget(path, overwrite: params.overwrite)
    return try jobs.start(
      .export, title: "Export \(workspace.slug) to \(path)", workspace: workspace.id, idempotency: nil
    ) { context in
      let job = JobReport(context)
      return try await self.export(workspace.id, to: path, format, params, job, id: context.id).jsonObject()
    }
  }

  private func export(
    _ workspace: String, to path: String, _ format: ArchiveFormat, _ params: WorkspaceExport.Params, _ job: JobReport,
    id: String
  ) async throws -> ExportJobResult {
    let opened = try workspaces.open(workspace, for: .read)
    let disturbances = placements.disturbances(of: opened.workspace.path)
    let (name, parent) = try Self.place(of: path)
    let target = try parent.status(of: name, orNil: ENOENT)
    return try placements.withTemporaryFile(in: FolderPath.parent(of: path), job: id) { temporary, file in
      let export = ArchiveExport(
        source: opened.directory, includesIgnored: params.includeIgnored, target: target?.identity, job: job)
      let summary = try export.write(format, to: file, path: path)
      try job.checkCancellation()
      try placements.checkUndisturbed(opened.workspace, since: disturbances)
      do throws(SystemError) {
        try temporary.directory.rename(
          temporary.name, to: Place(directory: parent, name: name), params.overwrite ? .replace : .refuse)
      } catch {
        throw error.errno == EEXIST ? ProtocolError.archiveExists(path) : error
      }
      return ExportJobResult(
        path: path, format: format, files: summary.files, bytes: Int(summary.bytes),
        archiveBytes: Int(summary.archiveBytes))
    }
  }

  private static func format(of path: String) throws -> ArchiveFormat {
    let name = FolderPath.name(of: path).lowercased()
    let ending = TemplateOrigin.endings.first { name.hasSuffix($0.ending) && $0.format != nil }
    guard let format = ending?.format else {
      throw ProtocolError(
        .invalidArgument,
        "The name of \(path) tells no archive's format. Let it end in `.tar.gz`, `.tar.zst` or "
          + "`.zip`, or pass `format`.")
    }
    return format
  }

  private static func checkTarget(_ path: String, overwrite: Bool) throws {
    let (name, parent) = try place(of: path)
    guard let status = try parent.status(of: name, orNil: ENOENT) else { return }
    if status.kind == .directory {
      throw ProtocolError(.invalidArgument, "\(path) is a folder. Pass the path of the archive in it.")
    }
    if !overwrite { throw ProtocolError.archiveExists(path) }
  }

  private static func place(of path: String) throws -> (FileName, Directory) {
    let parent = FolderPath.parent(of: path)
    guard let name = FileName(FolderPath.name(of: path)) else {
      throw ProtocolError(.invalidArgument, "\(path) is no path of a file. Pass the path of the archive.")
    }
    do throws(SystemError) {
      return (name, try Directory(path: parent))
    } catch {
      guard error.errno == ENOENT || error.errno == ENOTDIR else { throw error }
      throw ProtocolError(.invalidArgument, "There is no folder \(parent) to write the archive to. Make it first.")
    }
  }
}

extension ProtocolError {
  fileprivate static func archiveExists(_ path: String) -> ProtocolError {
    ProtocolError(.alreadyExists, "Something is at \(path) already. Pass another path, or `overwrite`.")
  }
}

extension Directory {
  /// What has that name; nil where the system answers with that error number.
  func status(of name: FileName, orNil code: Int32) throws(SystemError) -> FileStatus? {
    do {
      return try status(of: name)
    } catch {
      if error.errno == code { return nil }
      throw error
    }
  }
}
