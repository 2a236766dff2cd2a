/// What an archive tells of one of its entries.
struct ArchiveEntry {
  enum Kind {
    case file
    case directory
    /// A symbolic link, and what it holds.
    case link([UInt8])
    /// Another name of an earlier entry.
    case hardLink([UInt8])
    /// What is never unpacked, in words.
    case other(String)
  }

  /// As the archive has it: absolute, with `..` and whatever else.
  var name: [UInt8]
  var kind: Kind
  /// The permission bits, set-id and sticky bits included.
  var permissions: UInt32
  /// When it was last changed, in nanoseconds since 1970; nil where the archive does not say.
  var modified: Int64?

  // AE_IF…, macros that Swift does not import.
  static let fileType: UInt32 = 0o100000
  static let directoryType: UInt32 = 0o040000
  static let linkType: UInt32 = 0o120000
  static let pipeType: UInt32 = 0o010000
  static let socketType: UInt32 = 0o140000

  /// The name for messages.
  var text: String { String(decoding: name, as: UTF8.self) }
}
