import BerthProtocol
import CBench
import JSON

/// Numbered events in a stream, on their way from one connection to others.
struct Deliveries {
  let stream: String
  private let form: Form
  /// The number of the next event.
  private(set) var next = 0

  /// How an event's number and time stand in its text.
  struct Form {
    let marker: String
    let between: Int

    /// `{"n":12,"t":345,…}`
    static let step = Form(marker: #"{"n":"#, between: 5)
    /// A piece of an agent's message: `"text":"#12 345 …"`
    static let piece = Form(marker: ##""text":"#"##, between: 1)
  }

  init(stream: String, form: Form = .step) {
    self.stream = stream
    self.form = form
  }

  struct Found {
    let seconds: Double
    /// How long each event was on its way to each follower, in nanoseconds; empty where that was not asked for.
    var delays: [UInt64] = []
  }

  /// Appends events and waits until every follower has all of them, once and in order.
  ///
  /// - Parameter perSecond: How fast they are appended; 0 for as fast as they can be.
  mutating func run(
    _ count: Int, from appender: LoadConnection, to followers: [LoadConnection], batch: Int, perSecond: Int = 0,
    keepsDelays: Bool = false
  ) throws -> Found {
    let found = try run(
      first: next, count, from: appender, to: followers, batch: batch, perSecond: perSecond,
      keepsDelays: keepsDelays)
    next += count
    return found
  }

  /// Takes in what is there already, from the event of that number.
  @discardableResult
  func takeIn(to follower: LoadConnection, from number: Int) throws -> Found {
    try run(
      first: number, next - number, from: nil, to: [follower], batch: 0, perSecond: 0,
      keepsDelays: false)
  }

  /// Waits for events that somebody else makes, until every follower has all of them, once and in order.
  mutating func takeIn(_ count: Int, to followers: [LoadConnection], keepsDelays: Bool = false) throws -> Found {
    let found = try run(
      first: next, count, from: nil, to: followers, batch: 0, perSecond: 0, keepsDelays: keepsDelays)
    next += count
    return found
  }

  private func run(
    first: Int, _ count: Int, from appender: LoadConnection?, to followers: [LoadConnection],
    batch: Int, perSecond: Int, keepsDelays: Bool
  ) throws -> Found {
    var delays = [UInt64](repeating: 0, count: keepsDelays ? count * followers.count : 0)
    var delivery = berth_delivery()
    (delivery.first, delivery.events) = (UInt64(first), UInt64(count))
    (delivery.batch, delivery.in_flight, delivery.events_per_second) = (batch, 4, UInt64(perSecond))
    let connections = followers.map { Optional($0.connection) }
    let status = delays.withUnsafeMutableBufferPointer { delays in
      delivery.delays = keepsDelays ? delays.baseAddress : nil
      return stream.withCString { stream in
        delivery.stream = stream
        return form.marker.withCString { marker in
          (delivery.marker, delivery.between) = (marker, form.between)
          return berth_delivery_run(appender?.connection, connections, connections.count, &delivery)
        }
      }
    }
    withExtendedLifetime((appender, followers)) {}
    guard status == 0 else { throw BenchmarkFailure("events of \(stream): \(Self.reasons[status] ?? "\(status)")") }
    delays.removeLast(delays.count - Int(delivery.delay_count))
    return Found(seconds: Double(delivery.nanoseconds) / 1e9, delays: delays)
  }

  private static let reasons: [Int32: String] = [
    -1: "the connection ended", -2: "one was missing, came twice or in the wrong order", -3: "an append failed",
    -4: "nothing came for a minute",
  ]
}

extension LoadConnection {
  /// Attaches to a stream, from its beginning or from its end.
  func attach(_ stream: String, fromEnd: Bool, types: [String]? = nil) throws {
    try call(StreamAttach.self, .init(stream: stream, tail: fromEnd ? 0 : nil, types: types))
  }
}
