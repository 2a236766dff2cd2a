import Glibc
import Platform

/// Another program that keeps sleepers running, in a folder of its own. Whether they run is seen from outside.
final class SleepKeeper {
  static let names = ["circus", "s6"]
  private static let sleeper = "sleep 100000"

  private let folder: String
  private let process: ChildProcess
  private let scratch: Scratch

  /// Starts it. - Returns: Nil where it is not on this machine.
  init?(_ name: String, _ count: Int, scratch: Scratch) throws {
    guard let program = Program.find(name == "s6" ? "s6-svscan" : "circusd") else { return nil }
    self.scratch = scratch
    folder = scratch.newPath(name)
    try Home.createPrivateFolder(folder)
    let arguments = try name == "s6" ? Self.services(count, in: folder) : Self.watchers(count, in: folder)
    process = try scratch.start(program, arguments)
  }

  /// A folder with a script for each.
  private static func services(_ count: Int, in folder: String) throws -> [String] {
    for index in 0..<count {
      let service = "\(folder)/app\(index)"
      try Home.createPrivateFolder(service)
      try SmallFile.replace(service + "/run", with: Array("#!/bin/sh\nexec \(sleeper)\n".utf8))
      guard chmod(service + "/run", 0o700) == 0 else { throw SystemError("chmod", path: service) }
    }
    return [folder]
  }

  private static func watchers(_ count: Int, in folder: String) throws -> [String] {
    var text = "[circus]\nendpoint = ipc://\(folder)/endpoint\npubsub_endpoint = ipc://\(folder)/pubsub\n"
    for index in 0..<count { text += "[watcher:app\(index)]\ncmd = \(sleeper)\nworking_dir = \(folder)\n" }
    try SmallFile.replace(folder + "/circus.ini", with: Array(text.utf8))
    return [folder + "/circus.ini"]
  }

  /// Waits until so many sleepers are there. - Returns: How long that took since `began`, in nanoseconds.
  func waitUntilRunning(_ count: Int, since began: Int64) throws -> Double {
    while ProcessTable.running(Self.sleeper, in: folder).count < count {
      if let code = process.endedWith { throw BenchmarkFailure("a peer ended with \(code)") }
      process.waitBriefly()
    }
    return Double(Timestamp.monotonicNanoseconds() - began)
  }

  /// What it takes with all that helps it, but for the sleepers; shared pages by their share, in bytes.
  func memory() throws -> Int {
    _ = try ProcessMemory.settled(of: process.processID)
    let sleepers = Set(ProcessTable.running(Self.sleeper, in: folder))
    return try ProcessTable.using(folder).filter { !sleepers.contains($0) }
      .reduce(0) { try $0 + ProcessMemory(of: $1).proportional }
  }

  /// Ends it and whatever it has started.
  func stop() {
    process.send(SIGKILL)
    scratch.wait(for: process)
    scratch.endProcesses(using: folder)
    Scratch.removeFolder(folder)
  }
}
