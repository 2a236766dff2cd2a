import Platform

/// Language servers that are measured beside Berth, where they are at hand.
enum LanguageServers {
  static let names = ["clangd", "sourcekit-lsp", "pygls"]

  /// Nil where the program is not on this machine.
  static func find(_ name: String, scratch: Scratch) -> Program? {
    switch name {
    case "clangd": Program.find(name).map { Program(name: name, path: $0, arguments: ["--log=error"]) }
    case "sourcekit-lsp": Program.find(name).map { Program(name: name, path: $0, arguments: []) }
    default: pygls(scratch)
    }
  }

  static let initializeParams = #"{"processId":null,"rootUri":null,"capabilities":{}}"#

  /// What every language server answers at once: -32601, there is no such method.
  static let smallRequest = #"{"jsonrpc":"2.0","id":@@@@@@@@,"method":"berth/ping","params":{}}"#

  private static func pygls(_ scratch: Scratch) -> Program? {
    guard let python = Program.find("python3") else { return nil }
    let server = """
      try:
          from pygls.lsp.server import LanguageServer
      except ImportError:
          from pygls.server import LanguageServer
      """
    guard (try? scratch.run(python, ["-c", server])) != nil else { return nil }
    return Program(
      name: "pygls", path: python, arguments: ["-c", server + "\nLanguageServer('bench', '1').start_io()"])
  }
}
