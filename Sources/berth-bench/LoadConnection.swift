import BerthProtocol
import CBench
import Glibc
import JSON
import Platform

/// A connection that is driven by the loop in C. It blocks, and is used by one thread.
final class LoadConnection {
  private let input: OwnedDescriptor
  private let output: OwnedDescriptor
  let connection: OpaquePointer

  /// - Parameters: The same socket twice, or two pipes.
  init(input: OwnedDescriptor, output: OwnedDescriptor) throws {
    (self.input, self.output) = (input, output)
    let connection = input.withDescriptor { input in
      output.withDescriptor { berth_connection_open(input, $0) }
    }
    guard let connection else { throw SystemError(errno: ENOMEM, operation: "malloc", path: nil) }
    self.connection = connection
  }

  deinit {
    berth_connection_close(connection)
  }

  /// How many of a request are answered in a second.
  ///
  /// - Parameters:
  ///   - request: Its text, with `@@@@@@@@` for the id.
  ///   - fails: Whether errors are what is expected.
  func rate(_ request: String, inFlight: Int, count: Int, fails: Bool = false) throws -> Double {
    let load = try run(request, inFlight: inFlight, count: count, roundTrips: nil)
    guard fails || load.errors == 0 else {
      throw BenchmarkFailure("\(load.errors) of \(count) calls failed: \(request)")
    }
    return Double(count) / (Double(load.nanoseconds) / 1e9)
  }

  /// How long each of `count` requests takes, one after the other, in nanoseconds.
  func roundTrips(_ request: String, count: Int) throws -> [UInt64] {
    var times = [UInt64](repeating: 0, count: count)
    _ = try times.withUnsafeMutableBufferPointer { times in
      try run(request, inFlight: 1, count: count, roundTrips: times.baseAddress)
    }
    return times
  }

  /// How many requests take about that long.
  func calibrated(_ request: String, inFlight: Int, seconds: Double) throws -> Int {
    var count = 64
    while true {
      let load = try run(request, inFlight: inFlight, count: count, roundTrips: nil)
      let took = Double(load.nanoseconds) / 1e9
      if took > seconds / 8 { return max(1, Int(Double(count) * seconds / took)) }
      count *= 4
    }
  }

  /// Calls a method and waits for its result.
  @discardableResult
  func call<M: Method>(_ method: M.Type, _ params: M.Params) throws -> JSONValue {
    try call(M.description.name, params.jsonString)
  }

  @discardableResult
  func call(_ method: String, _ params: String) throws -> JSONValue {
    let request = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(params)}"#
    var text: UnsafeMutablePointer<CChar>?
    defer { free(text) }
    let length = berth_connection_call(connection, request, request.utf8.count, &text)
    guard length >= 0, let text else { throw BenchmarkFailure("the connection ended at \(method)") }
    let answer = try JSONParser.parse(UnsafeRawBufferPointer(start: text, count: Int(length)))
    if let error = answer["error"] { throw BenchmarkFailure("\(method) failed: \(error.jsonString)") }
    return answer["result"] ?? .null
  }

  func notify(_ method: String, _ params: String) throws {
    let text = #"{"jsonrpc":"2.0","method":"\#(method)","params":\#(params)}"#
    guard berth_connection_send(connection, text, text.utf8.count) == 0 else {
      throw BenchmarkFailure("the connection ended at \(method)")
    }
  }

  private func run(
    _ request: String, inFlight: Int, count: Int, roundTrips: UnsafeMutablePointer<UInt64>?
  ) throws -> berth_load {
    var load = berth_load()
    guard berth_load_run(connection, request, request.utf8.count, inFlight, count, roundTrips, &load) == 0 else {
      throw BenchmarkFailure("the connection ended at \(request.prefix(120))")
    }
    return load
  }
}
