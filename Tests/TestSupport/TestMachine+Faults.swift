import Glibc
import Platform

extension TestMachine {
  /// Leaves no room on the disk.
  package func fillDisk() throws {
    let outcome = try run("dd if=/dev/zero of=/var/filler bs=64k")
    guard outcome.errors.contains("No space left") else { throw ShellFailure(description: outcome.errors) }
  }

  package func makeRoom() throws {
    try shell("rm -f /var/filler")
  }

  /// Holds the package system's locks, as another installation would, until nobody holds the result any more.
  package func lockPackages() throws -> PackageLock { try PackageLock(self) }

  package final class PackageLock {
    private var lifeline: OwnedDescriptor?
    private let process: ChildProcess

    fileprivate init(_ machine: TestMachine) throws {
      let (input, lifeline) = try OwnedDescriptor.pipe()
      let ready: OwnedDescriptor
      (process, ready) = try Self.start(machine, input: input)
      self.lifeline = lifeline
      var bytes = [UInt8](repeating: 0, count: 4)
      guard try bytes.withUnsafeMutableBytes({ try ready.read(into: $0) }) == 4 else {
        throw ShellFailure(description: "the lock can't be had: \(machine.log)")
      }
    }

    deinit {
      lifeline = nil
      process.wait()
    }

    private static func start(
      _ machine: TestMachine, input: OwnedDescriptor
    ) throws -> (ChildProcess, ready: OwnedDescriptor) {
      let (ready, output) = try OwnedDescriptor.pipe()
      // Locks of fcntl(2), as apt's and dpkg's are, on a structure as it is on a 64-bit Linux.
      let script = """
        my $lock = pack("s s x![q] q q i x![q]", 1, 0, 0, 0, 0);
        for my $name (qw(lock-frontend lock)) {
          open(my $file, ">>", "/var/lib/dpkg/$name") or die $!;
          fcntl($file, 6, $lock) or die $!;
          push @held, $file;
        }
        syswrite(STDOUT, "held");
        <STDIN>;
        """
      let log = try OwnedDescriptor.appending(to: machine.folder.path + "/log")
      let process = try machine.namespaces.enter(
        ["/usr/bin/perl", "-e", script], input: input, output: output, error: log)
      return (process, ready)
    }
  }
}
