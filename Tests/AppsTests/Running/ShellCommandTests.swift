import Testing

@testable import Apps

struct ShellCommandTests {
  @Test(arguments: ["exec sleep 100000", "exec  ./bin/server --port=80 -v", "exec node server.js"])
  func `plain words are executed as they are`(command: String) {
    #expect(ShellCommand.arguments(command) == command.split(separator: " ").dropFirst().map(String.init))
  }

  @Test(
    arguments: [
      "sleep 1", "exec", "exec ", "exec -a name sleep 1", "exec A=1 sleep 1", "exec sleep $N", "exec sleep 1 > log",
      "exec sleep 1; true", "exec sleep '1'", "exec ~/run", "exec sleep 1 &", "exec ls *", "exec a\nb", "exec a\tb",
      "exec sleep #1", "exec é",
    ])
  func `all else is the shell's`(command: String) {
    #expect(ShellCommand.arguments(command) == ["/bin/sh", "-c", command])
  }
}
