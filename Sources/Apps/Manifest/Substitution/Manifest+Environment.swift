internal import Documents

/// A manifest's references could not be replaced: a finding for each.
package struct UnresolvedReferences: Error, Sendable {
  package let findings: [ManifestFinding]
}

/// The values that an app runs with: the same for setup, start, stop and probes.
package struct ManifestEnvironment: Sendable, Hashable {
  /// Names and values, all of them.
  package let variables: [String: String]

  /// A text with its references replaced. For texts of the manifest that the environment was made for.
  package func string(_ text: SubstitutedText) -> String {
    text.parts.map { part in
      switch part {
      case .text(let text): text
      case .reference(let reference): value(of: reference) ?? ""
      }
    }.joined()
  }

  private func value(of reference: SubstitutedText.Reference) -> String? {
    reference.value(variables[reference.name])
  }
}

extension SubstitutedText.Reference {
  /// What is put in its place, for the variable's value; nil where it stands for nothing.
  fileprivate func value(_ value: String?) -> String? {
    switch absence {
    case .error: value
    case .fallback(let fallback): value.flatMap { $0.isEmpty ? nil : $0 } ?? fallback
    case .message: value.flatMap { $0.isEmpty ? nil : $0 }
    }
  }
}

extension Manifest {
  /// No variable may be longer: the kernel takes no string of more than 128 KiB when a program is started.
  private static let longestValue = 128 * 1024 - 512

  /// Names of `env_contract` and `secrets` that have no value in what the app is given from outside, nor from `env` or
  /// `ports`; in the order of the file. Nothing may start while there are any.
  package func missingNames(in outer: [String: String]) -> [String] {
    let given = Set(environment.map(\.name)).union(ports.flatMap(\.environmentNames))
    var seen: Set<String> = []
    return (contract + secrets).filter { outer[$0] == nil && !given.contains($0) && seen.insert($0).inserted }
  }

  /// Everything that the app's processes find in their environment.
  ///
  /// A port's number stands above `env`, which stands above what comes from outside.
  ///
  /// - Parameters:
  ///   - outer: What the app is given from outside, secrets included.
  ///   - portNumbers: The number of each port, by the port's name.
  package func environment(
    over outer: [String: String], portNumbers: [String: Int]
  ) throws(UnresolvedReferences) -> ManifestEnvironment {
    var variables = outer
    for port in ports {
      guard let number = portNumbers[port.name] else { continue }
      for name in port.environmentNames { variables[name] = String(number) }
    }
    var findings: [ManifestFinding] = []
    for index in VariableOrder(environment).order {
      let variable = environment[index]
      // Its own name still stands for the value from outside.
      let value = Self.resolve(variable.value, variables, &findings)
      if value.utf8.count > Self.longestValue {
        findings.append(Self.finding("`\(variable.name)` becomes longer than 128 KiB", variable.value))
        variables[variable.name] = ""
      } else {
        variables[variable.name] = value
      }
    }
    for text in paths { _ = Self.resolve(text, variables, &findings) }
    guard findings.isEmpty else {
      throw UnresolvedReferences(findings: findings.sorted { $0.place < $1.place })
    }
    return ManifestEnvironment(variables: variables)
  }

  /// The texts beside `env` in which references are replaced.
  private var paths: [SubstitutedText] {
    let probed = [probes.startup, probes.readiness, probes.liveness].joined().compactMap { probe -> SubstitutedText? in
      guard case .http(let http) = probe.check else { return nil }
      return http.path
    }
    return ports.compactMap(\.path) + probed
  }

  private static func resolve(
    _ text: SubstitutedText, _ variables: [String: String], _ findings: inout [ManifestFinding]
  ) -> String {
    var result = ""
    for part in text.parts {
      switch part {
      case .text(let text): result += text
      case .reference(let reference):
        if let value = reference.value(variables[reference.name]) {
          // Far beyond any use: enough to tell that it is too long.
          if result.utf8.count <= longestValue { result += value }
        } else {
          findings.append(finding(reference, text, variables))
        }
      }
    }
    return result
  }

  private static func finding(
    _ reference: SubstitutedText.Reference, _ text: SubstitutedText, _ variables: [String: String]
  ) -> ManifestFinding {
    if case .message(let message) = reference.absence {
      let reason = message.isEmpty ? "it must have a value" : message
      return finding("`\(reference.name)` has no value: \(reason)", text, reference.place)
    }
    var found = finding("`\(reference.name)` has no value", text, reference.place)
    found.suggestion = LikelyWord.find(for: reference.name, among: variables.keys.sorted())
    return found
  }

  private static func finding(
    _ message: String, _ text: SubstitutedText, _ place: DocumentPlace? = nil
  ) -> ManifestFinding {
    ManifestFinding(
      severity: .error, code: .unknownName, message: message, path: text.path,
      place: place ?? text.references.first?.place ?? .start)
  }
}
