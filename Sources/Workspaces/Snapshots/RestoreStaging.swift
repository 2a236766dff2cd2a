internal import BerthProtocol
internal import Glibc
internal import Platform

/// Puts together in a stage what a restore brings back.
struct RestoreStaging: Sendable {
  let stage: Stage
  let blobs: BlobStore
  let job: JobReport

  private static let bufferBytes = 1 << 20

  func stage(_ items: [RestorePlan.Staged]) throws {
    var trail = FolderTrail(stage.directory)
    var files: [RestorePlan.Staged] = []
    var folders: [RestorePlan.Staged] = []
    for item in items {
      try job.checkCancellation()
      switch item.entry.kind {
      case .file: files.append(item)
      case .directory:
        let place = try trail.place(of: item.slot)
        try place.directory.makeDirectory(place.name, permissions: 0o700)
        folders.append(item)
      case .link(let target):
        let place = try trail.place(of: item.slot)
        try place.directory.makeLink(place.name, to: target)
        try place.set(FileAttributes(permissions: 0, modified: item.entry.modified))
      }
    }
    try write(files)
    // The inner ones first: making something in a folder changes its time.
    for item in folders.reversed() {
      let folder = try trail.open(item.slot).open(.root, [.read, .directory])
      try folder.setPermissions(item.entry.permissions)
      try folder.setModified(nanosecondsSince1970: item.entry.modified)
    }
  }

  private func write(_ files: [RestorePlan.Staged]) throws {
    let progress = StagingProgress(total: files.count)
    try Parallel.work(on: files.count) { take in
      var trail = FolderTrail(stage.directory)
      try withUnsafeTemporaryAllocation(byteCount: Self.bufferBytes, alignment: 64) { buffer in
        while let range = take() {
          for file in files[range] {
            try job.checkCancellation()
            try write(file, &trail, buffer)
          }
          progress.add(range.count, job)
        }
      }
    }
  }

  private func write(
    _ item: RestorePlan.Staged, _ trail: inout FolderTrail, _ buffer: UnsafeMutableRawBufferPointer
  ) throws {
    guard case .file(let id, let size) = item.entry.kind else { return }
    let place = try trail.place(of: item.slot)
    let file = try place.directory.open(
      place.name, [OpenOptions(rawValue: O_RDWR), .create, .exclusive], permissions: 0o600)
    try blobs.write(
      id, size: size, to: file, for: item.entry.path.string, buffer: buffer, step: job.checkCancellation)
    try file.setPermissions(item.entry.permissions)
    try file.setModified(nanosecondsSince1970: item.entry.modified)
  }
}
