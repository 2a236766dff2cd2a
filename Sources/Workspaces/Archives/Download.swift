internal import AsyncHTTPClient
internal import BerthProtocol
internal import NIOCore
internal import NIOHTTP1
internal import Platform

/// Fetches an archive from an `http` or `https` URL into a file.
enum Download {
  private static let maximumRedirects = 5
  private static let connectSeconds: Int64 = 30

  /// - Parameters:
  ///   - file: Open for writing and empty.
  /// - Throws: `source_unavailable`; `archive_rejected` for more than `templates.maxBytes`.
  static func fetch(_ url: String, into file: OwnedDescriptor, limits: TemplatesConfig, _ job: JobReport) async throws {
    var configuration = HTTPClient.Configuration()
    configuration.redirectConfiguration = .follow(max: maximumRedirects, allowCycles: false)
    configuration.timeout = .init(connect: .seconds(connectSeconds), read: .seconds(Int64(limits.timeoutSeconds)))
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    do {
      try await fetch(url, with: client, into: file, limits, job)
      try await client.shutdown()
    } catch {
      try? await client.shutdown()
      try job.checkCancellation()
      throw explain(error, url)
    }
  }

  private static func fetch(
    _ url: String, with client: HTTPClient, into file: OwnedDescriptor, _ limits: TemplatesConfig, _ job: JobReport
  ) async throws {
    let address = TemplateOrigin.withoutPassword(url)
    let deadline = NIODeadline.now() + .seconds(Int64(limits.timeoutSeconds))
    var request = HTTPClientRequest(url: url)
    request.headers.add(name: "user-agent", value: "berth")
    request.headers.add(name: "accept", value: "*/*")
    let response = try await client.execute(request, deadline: deadline)
    guard response.status == .ok else {
      throw ProtocolError(
        .sourceUnavailable, "\(address) answered \(response.status.code). Check the address and your access to it.",
        detail: "\(response.status)")
    }
    let total = response.headers.first(name: "content-length").flatMap { Int($0) }
    var completed = 0
    func checkSize(_ size: Int) throws {
      if size > limits.maxBytes {
        throw ProtocolError.archiveRejected("it is over \(limits.maxBytes) bytes (`templates.maxBytes`)", entry: nil)
      }
    }
    try checkSize(total ?? 0)
    for try await part in response.body {
      completed += part.readableBytes
      try checkSize(completed)
      try part.withUnsafeReadableBytes { try file.write($0) }
      job.progress("Downloading \(address)", completed, total, .bytes)
      try job.checkCancellation()
      if NIODeadline.now() > deadline { throw ProtocolError.sourceTooSlow("the download") }
    }
    if let total, completed < total {
      throw ProtocolError(
        .sourceUnavailable, "\(address) sent \(completed) of \(total) bytes. Try again.",
        detail: "the transfer ended early")
    }
  }

  private static func explain(_ error: any Error, _ url: String) -> any Error {
    if error is ProtocolError || error is SystemError || error is CancellationError { return error }
    return ProtocolError(
      .sourceUnavailable,
      "\(TemplateOrigin.withoutPassword(url)) could not be fetched. Check the address and the network.",
      detail: TemplateOrigin.withoutPassword("\(error)"))
  }
}
