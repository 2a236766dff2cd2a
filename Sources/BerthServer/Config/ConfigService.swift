package import BerthProtocol
import Crypto
import JSON
import Platform
import Synchronization

/// The configuration: a JSON file that people and `config/update` edit, and the last good reading of it.
package final class ConfigService: Sendable {
  private struct State {
    var config: Config
    var version: String
    var fault: ConfigFault?
  }

  private let path: String
  private let state: Mutex<State>
  /// Held while the file is read or replaced.
  private let fileLock = Mutex<Void>(())
  private let observers = Mutex<[@Sendable (Config) -> Void]>([])

  /// Reads the file. One that is missing is an empty one; a faulty one leaves the defaults in force and is told of.
  package init(path: String) {
    self.path = path
    let reading = Self.read(path)
    state = Mutex(
      State(config: reading.config ?? Config(), version: reading.version, fault: reading.fault))
  }

  /// The configuration in force.
  package var current: Config { state.withLock { $0.config } }

  /// Why the file as it is now is not in force; nil where it is.
  package var fault: ConfigFault? { state.withLock { $0.fault } }

  package func get() -> ConfigState {
    state.withLock { ConfigState(config: $0.config, file: path, version: $0.version, fault: $0.fault) }
  }

  /// Calls `observer` with every configuration that comes into force from now on.
  package func observe(_ observer: @escaping @Sendable (Config) -> Void) {
    observers.withLock { $0.append(observer) }
  }

  /// Changes the file by a merge patch. `reload` then brings it into force.
  package func update(_ params: ConfigUpdate.Params) throws {
    try fileLock.withLock { _ in
      let reading = Self.read(path)
      guard reading.config != nil, case .object(let document)? = reading.document else {
        throw ProtocolError(
          .configFileBroken,
          "The configuration file \(path) cannot be read: \(reading.fault?.message ?? "it is no object"). Mend it first."
        )
      }
      if let version = params.ifVersion, version != reading.version {
        throw ProtocolError(
          .versionConflict, "The configuration has changed since version \(version). Read it again.",
          extra: ["version": .string(reading.version)])
      }
      let merged = document.merging(patch: params.patch)
      do throws(DecodingFaults) {
        _ = try Decoding.decode(Config.self, from: .object(merged))
      } catch {
        throw ProtocolError(
          .configInvalid, "The configuration was not changed: \(error).", errors: error.faults.map(Fault.init))
      }
      try Self.write(Array(PrettyJSON.text(.object(merged)).utf8), to: path)
    }
  }

  /// Reads the file again, after it may have been changed.
  ///
  /// - Returns: Whether something changed: another configuration is in force, or the file has another fault.
  @discardableResult
  package func reload() -> Bool {
    let (changed, config) = fileLock.withLock { _ in
      let reading = Self.read(path)
      return state.withLock { state -> (Bool, Config?) in
        guard let config = reading.config else {
          defer { state.fault = reading.fault }
          return (state.fault != reading.fault, nil)
        }
        let changed = state.version != reading.version || state.fault != nil
        let isNew = state.config != config
        state = State(config: config, version: reading.version, fault: nil)
        return (changed, isNew ? config : nil)
      }
    }
    if let config { for observer in observers.withLock({ $0 }) { observer(config) } }
    return changed
  }

  // MARK: The file

  private struct Reading {
    var document: JSONValue?
    /// Nil where the file is faulty.
    var config: Config?
    var version: String
    var fault: ConfigFault?
  }

  private static func read(_ path: String) -> Reading {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try SmallFile.read(path) ?? []
    } catch {
      return Reading(version: "", fault: ConfigFault(message: error.description))
    }
    let version = String(SHA256.hash(data: bytes).hexadecimal.prefix(16))
    if bytes.allSatisfy({ [0x20, 0x0A, 0x0D, 0x09].contains($0) }) {
      return Reading(document: [:], config: Config(), version: version)
    }
    do {
      let document = try JSONParser.parse(bytes)
      let config = try Decoding.decode(Config.self, from: document)
      return Reading(document: document, config: config, version: version)
    } catch let error as JSONSyntaxError {
      let (line, column) = error.location(in: bytes)
      let message = "\(path):\(line):\(column): \(error.message)"
      return Reading(version: version, fault: ConfigFault(message: message, line: line, column: column))
    } catch let error as DecodingFaults {
      let place = error.faults.first.flatMap { JSONPlace.find($0.loc, in: bytes) }
      let prefix = place.map { "\(path):\($0.line):\($0.column)" } ?? path
      return Reading(
        version: version,
        fault: ConfigFault(
          message: "\(prefix): \(error)", line: place?.line, column: place?.column,
          errors: error.faults.map(Fault.init)))
    } catch {
      return Reading(version: version, fault: ConfigFault(message: "\(path): \(error)"))
    }
  }

  private static func write(_ bytes: [UInt8], to path: String) throws(SystemError) {
    try SmallFile.replace(path, with: bytes)
  }
}

extension Digest {
  var hexadecimal: String {
    map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }
}
