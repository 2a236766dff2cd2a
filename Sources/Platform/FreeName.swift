/// The first of `name`, `name-2`, `name-3`… that is free.
///
/// - Parameters:
///   - separator: What stands before the number.
///   - maximumLength: How many characters it may have with a number; the name is cut where it would have more.
package func freeName(
  _ name: String, separator: String = "-", maximumLength: Int, isTaken: (String) throws -> Bool
) rethrows -> String {
  var candidate = name
  var number = 1
  while try isTaken(candidate) {
    number += 1
    let ending = "\(separator)\(number)"
    candidate = String(name.unicodeScalars.prefix(maximumLength - ending.utf8.count)) + ending
  }
  return candidate
}
