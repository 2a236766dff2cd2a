package import BerthProtocol

/// A way to bring things onto a machine: a package manager, a version manager, a language's own installer.
///
/// It is defined once, with the script of each step; the rows of the catalog give its parameters.
package struct Provider: Sendable, Hashable {
  package let name: String
  package let displayName: String
  /// Where it works.
  package let families: Set<OSFamily>
  /// Whether install and remove are run as root; on macOS never.
  package let isElevated: Bool
  /// By name.
  package let parameters: [String: ProviderParameter]
  /// Parts of scripts by the name that `#use` calls them: `NAME` of the provider's own, `PROVIDER.NAME` of another's.
  package let pieces: [String: String]
  /// The template of each step.
  package let steps: [RecipeStep: String]
}

/// What a provider must be told.
package struct ProviderParameter: Sendable, Hashable {
  package enum Kind: String, Sendable, CaseIterable {
    /// A name of a package, a program, a version: it never begins as an option does, and has no spaces.
    case word
    case words
    /// One line.
    case text
    case texts
    /// Several lines.
    case lines
    /// An absolute path without `..`.
    case path
    case paths
    case url
    case sha256

    package var isList: Bool { self == .words || self == .texts || self == .paths }
  }

  package let name: String
  package let kind: Kind
  /// What counts where a row says nothing; nil where a row must say it.
  package let standard: ParameterValue?
}

package enum ParameterValue: Sendable, Hashable {
  case text(String)
  case list([String])
}

/// A step of a recipe.
package enum RecipeStep: String, Sendable, Hashable, CaseIterable {
  /// Whether it is there already: changes nothing, and needs no elevation.
  case probe
  case install
  /// What the installed program says of its version: changes nothing.
  case verify
  /// Takes away exactly what install recorded.
  case remove
}
