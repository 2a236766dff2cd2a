internal import Glibc

/// The locale in which libarchive is called.
///
/// Names in tar and zip archives are UTF-8, and libarchive converts them to the thread's character set: in the plain C
/// locale, in which a server runs, a name beyond ASCII would be lost.
enum ArchiveLocale {
  /// Unchecked: made once, and a locale object is never changed.
  private nonisolated(unsafe) static let utf8: locale_t? = newlocale(1 << Int32(LC_CTYPE), "C.UTF-8", nil)

  /// Calls `body` with this thread's character set at UTF-8.
  static func withUTF8<Result>(_ body: () throws -> Result) rethrows -> Result {
    guard let utf8 else { return try body() }
    let previous = uselocale(utf8)
    defer { uselocale(previous) }
    return try body()
  }
}
