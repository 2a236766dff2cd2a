/// The names of signals.
package enum SignalName {
  private static let names: [Int32: String] = [
    1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 7: "BUS", 8: "FPE", 9: "KILL", 10: "USR1",
    11: "SEGV", 12: "USR2", 13: "PIPE", 14: "ALRM", 15: "TERM", 16: "STKFLT", 24: "XCPU", 25: "XFSZ", 31: "SYS",
  ]

  /// `SIGTERM` for 15; `SIG40` for those that have no name here.
  package static func of(_ number: Int32) -> String { "SIG" + (names[number] ?? String(number)) }
}
