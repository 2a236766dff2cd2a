import JSON
import Logging
import Platform

/// Puts a log event into one line.
struct LogLineHandler: LogHandler {
  let output: LogOutput
  let writesJSON: Bool
  var metadata: Logger.Metadata = [:]

  init(output: LogOutput, writesJSON: Bool) {
    self.output = output
    self.writesJSON = writesJSON
  }

  /// The output's, whatever a logger would like.
  var logLevel: Logger.Level {
    get { output.level }
    set {}
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let metadata = self.metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
    output.write(writesJSON ? json(event, metadata) : text(event, metadata))
  }

  private func text(_ event: LogEvent, _ metadata: [(key: String, value: Logger.MetadataValue)]) -> String {
    var line = "\(Timestamp.now()) \(event.level.rawValue) \(event.message)"
    for (key, value) in metadata {
      let value = "\(value)"
      line += " \(key)=\(value.allSatisfy(Self.isPlain) ? value : value.jsonString)"
    }
    // What came from outside may hold line feeds; a line is one event.
    return String(decoding: line.utf8.map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
  }

  private static func isPlain(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || "-_./:@+,".contains(character)
  }

  private func json(_ event: LogEvent, _ metadata: [(key: String, value: Logger.MetadataValue)]) -> String {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key(plain: "time")
    writer.string(Timestamp.now())
    writer.key(plain: "level")
    writer.string(event.level.rawValue)
    writer.key(plain: "message")
    writer.string("\(event.message)")
    for (key, value) in metadata {
      writer.key(key)
      writer.string("\(value)")
    }
    writer.endObject()
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}
