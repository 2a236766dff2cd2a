import Platform

/// How a client and a server are connected.
enum Transport: CaseIterable {
  case socket, stdio

  /// For people.
  var text: String {
    switch self {
    case .socket: "socket"
    case .stdio: "stdio"
    }
  }
}

/// The two ends between this process and a child's standard input and output.
struct Link {
  let own: (input: OwnedDescriptor, output: OwnedDescriptor)
  let child: (input: OwnedDescriptor, output: OwnedDescriptor)

  /// A pair of sockets, or two pipes.
  init(_ transport: Transport) throws {
    switch transport {
    case .socket:
      let (own, child) = try UnixSocket.pair()
      (self.own, self.child) = ((own, own), (child, child))
    case .stdio:
      let (requests, answers) = (try OwnedDescriptor.pipe(), try OwnedDescriptor.pipe())
      (own, child) = ((answers.read, requests.write), (requests.read, answers.write))
    }
  }
}
