import ArgumentParser

/// `berth completions`: what makes a shell complete the words of this program.
struct CompletionsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completions",
    abstract: "Print a script that completes berth's commands in a shell.",
    discussion: """
      bash: berth completions bash > ~/.local/share/bash-completion/completions/berth
      zsh:  berth completions zsh > ~/.zfunc/_berth, with ~/.zfunc in fpath
      fish: berth completions fish > ~/.config/fish/completions/berth.fish
      """)

  enum Shell: String, ExpressibleByArgument, CaseIterable {
    case bash, zsh, fish
  }

  @Argument(help: "bash, zsh or fish.")
  var shell: Shell

  func run() throws {
    let kind: CompletionShell =
      switch shell {
      case .bash: .bash
      case .zsh: .zsh
      case .fish: .fish
      }
    let output = Output()
    output.line(Berth.completionScript(for: kind))
    output.flush()
  }
}
