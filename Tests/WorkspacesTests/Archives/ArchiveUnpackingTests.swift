import BerthProtocol
import Foundation
import Platform
import Testing

@testable import Workspaces

@Suite struct ArchiveUnpackingTests {
  let home: PlacementHome

  init() throws {
    home = try PlacementHome()
  }

  /// Unpacks an archive and returns where to.
  private func unpack(_ archive: String, limits: TemplatesConfig = TemplatesConfig()) throws -> String {
    let name = "unpacked-\(UInt32.random(in: .min ... .max))"
    try home.shell("mkdir \(name)")
    let file = OwnedDescriptor(adopting: open(home.path(archive), O_RDONLY | O_CLOEXEC))
    try Unpacking.unpack(file, into: Directory(path: home.path(name)), limits: limits) { _, _ in }
    return name
  }

  /// The words of the refusal of an archive that Python writes.
  private func refusal(ofTar script: String, limits: TemplatesConfig = TemplatesConfig()) throws -> ProtocolError? {
    try home.shell(
      """
      python3 - <<'PYTHON'
      import tarfile, io, zipfile
      def entry(name, kind=tarfile.REGTYPE, link='', data=b'', mode=0o644):
          info = tarfile.TarInfo(name); info.type = kind; info.linkname = link; info.size = len(data); info.mode = mode
          archive.addfile(info, io.BytesIO(data))
      archive = tarfile.open('hostile.tar', 'w')
      \(script.split(separator: "\n").joined(separator: "\n      "))
      archive.close()
      PYTHON
      """)
    return refusal("hostile.tar", limits: limits)
  }

  private func refusal(_ archive: String, limits: TemplatesConfig = TemplatesConfig()) -> ProtocolError? {
    do {
      _ = try unpack(archive, limits: limits)
      return nil
    } catch let error as ProtocolError {
      return error
    } catch {
      Issue.record("\(error)")
      return nil
    }
  }

  @Test(arguments: ["tar", "tar.gz", "tar.zst", "zip"])
  func everyFormatIsUnpackedAsItWasPacked(format: String) throws {
    try home.shell(
      """
      mkdir -p tree/empty tree/sub/deep 'tree/Grüße und ☕'
      echo one > tree/one; echo two > 'tree/sub/deep/zwei ü.txt'; printf '\\0\\1\\2' > tree/binary
      head -c 3000000 /dev/urandom > tree/large; : > tree/nothing
      chmod 755 tree/one; chmod 600 tree/binary; chmod 444 tree/nothing; ln -s sub/deep tree/link
      chmod 750 tree/sub; touch -d '2020-02-03 04:05:06 UTC' tree/sub/deep/* tree/sub/deep tree/empty
      cd tree
      case \(format) in
        zip) zip -qry ../a.zip . ;;
        tar.zst) tar cf - . | zstd -q -o ../a.tar.zst ;;
        tar.gz) tar czf ../a.tar.gz . ;;
        tar) tar cf ../a.tar . ;;
      esac
      """)
    let unpacked = try unpack("a.\(format)")
    try home.shell("diff -r --no-dereference tree \(unpacked)")
    let modes = "find . -mindepth 1 -printf '%P %y %m %l\\n' | sort"
    #expect(try home.shell("cd tree; \(modes)") == home.shell("cd \(unpacked); \(modes)"))
    #expect(
      try home.shell("stat -c %Y \(unpacked)/sub/deep \(unpacked)/empty \(unpacked)/sub/deep/*")
        == "1580702706\n1580702706\n1580702706\n")
  }

  @Test func hardLinksBecomeHardLinks() throws {
    try home.shell("mkdir tree; echo x > tree/a; ln tree/a tree/b; tar cf a.tar -C tree .")
    let unpacked = try unpack("a.tar")
    #expect(try home.shell("stat -c %h \(unpacked)/a") == "2\n")
  }

  @Test func setIDBitsAndWritingByOthersAreDropped() throws {
    #expect(try refusal(ofTar: "entry('a', mode=0o6777, data=b'x'); entry('d', tarfile.DIRTYPE, mode=0o1777)") == nil)
    let unpacked = try unpack("hostile.tar")
    #expect(try home.shell("stat -c %a \(unpacked)/a \(unpacked)/d") == "775\n775\n")
  }

  @Test func aLaterFileOfTheSameNameCounts() throws {
    #expect(try refusal(ofTar: "entry('a', data=b'one'); entry('a', data=b'two!')") == nil)
    #expect(try home.text(of: "\(unpack("hostile.tar"))/a") == "two!")
  }

  @Test(arguments: [
    ("entry('../outside', data=b'x')", "../outside"),
    ("entry('a/../../outside', data=b'x')", "a/../../outside"),
    ("entry('/tmp/berth-outside', data=b'x')", "/tmp/berth-outside"),
    ("entry('..', tarfile.DIRTYPE)", "../"),
    ("entry('l', tarfile.SYMTYPE, '../..')", "l"),
    ("entry('l', tarfile.SYMTYPE, '/etc/passwd')", "l"),
    ("entry('d/l', tarfile.SYMTYPE, '../../x')", "d/l"),
    ("entry('l', tarfile.SYMTYPE, '.'); entry('l/file', data=b'x')", "l/file"),
    ("entry('d', tarfile.DIRTYPE); entry('l', tarfile.SYMTYPE, 'd'); entry('l/x/y', tarfile.DIRTYPE)", "l/x/y"),
    ("entry('h', tarfile.LNKTYPE, '/etc/passwd')", "h"),
    ("entry('h', tarfile.LNKTYPE, '../x')", "h"),
    ("entry('h', tarfile.LNKTYPE, 'missing')", "h"),
    ("entry('l', tarfile.SYMTYPE, 'x'); entry('h', tarfile.LNKTYPE, 'l')", "h"),
    ("entry('dev', tarfile.CHRTYPE)", "dev"),
    ("entry('block', tarfile.BLKTYPE)", "block"),
    ("entry('pipe', tarfile.FIFOTYPE)", "pipe"),
    ("entry('a', data=b'x'); entry('a', tarfile.DIRTYPE)", "a"),
    ("entry('a', tarfile.DIRTYPE); entry('a', tarfile.SYMTYPE, 'b')", "a"),
    ("entry('a', tarfile.DIRTYPE); entry('a', data=b'x')", "a"),
    ("entry('a', data=b'x'); entry('a/b', data=b'x')", "a/b"),
    ("entry('x/.berth-stage-1/y', data=b'x')", "x/.berth-stage-1/y"),
  ])
  func hostileEntriesAreRefusedByName(script: String, entry: String) throws {
    let error = try #require(try refusal(ofTar: script))
    #expect(error.type == .archiveRejected)
    #expect(error.detail.hasPrefix("\(entry): "), "\(error.detail)")
    #expect(!home.exists("outside") && access("/tmp/berth-outside", F_OK) != 0)
  }

  @Test func namesThatAreTooLongOrTooDeepAreRefused() throws {
    let long = try #require(try refusal(ofTar: "entry('a' * 300, data=b'x')"))
    #expect(long.detail.contains("255 bytes"))
    let deep = try #require(try refusal(ofTar: "entry('d/' * 300 + 'x', data=b'x')"))
    #expect(deep.detail.contains("256 folders deep"))
    let path = try #require(try refusal(ofTar: "entry(('d' * 200 + '/') * 30 + 'x', data=b'x')"))
    #expect(path.detail.contains("4095 bytes"))
  }

  @Test func aBombIsStoppedEarly() throws {
    try home.shell(
      "head -c 300000000 /dev/zero | gzip -9 > zeros.gz; mkdir t; zcat zeros.gz > t/zeros; tar czf bomb.tar.gz t")
    let error = try #require(refusal("bomb.tar.gz"))
    #expect(error.detail.contains("templates.maxRatio"))
    let largest = try home.shell("find unpacked-* -type f -size +8M | wc -l")
    #expect(largest == "0\n")
  }

  @Test func sparseEntriesCountAsWhatTheyUnpackTo() throws {
    try home.shell("mkdir t; truncate -s 10G t/sparse; tar cSf sparse.tar t")
    #expect(try #require(refusal("sparse.tar")).type == .archiveRejected)
  }

  @Test func overlappingZipEntriesAreStoppedByTheRatio() throws {
    try home.shell(
      """
      python3 - <<'PYTHON'
      import struct, zlib
      # Each entry's compressed bytes hold the next entry whole: a few kilobytes unpack to hundreds of megabytes.
      packer = zlib.compressobj(9, zlib.DEFLATED, -15)
      plain = b'0' * 1000000
      packed = packer.compress(plain) + packer.flush()
      def header(name, packed, plain):
          return struct.pack('<IHHHHHIIIHH', 0x04034b50, 20, 0, 8, 0, 0, zlib.crc32(plain), len(packed), len(plain),
                             len(name), 0) + name
      count, heads, rows = 150, [], []
      for i in range(count, 0, -1):
          name = b'%04d' % i
          head = header(name, packed, plain)
          heads.append((name, head, packed, plain))
          packed = struct.pack('<BHH', 0, len(head), 0xffff ^ len(head)) + head + packed
          plain = head + plain
      body, offset = heads[-1][1] + heads[-1][2], 0
      for i, (name, head, packed, plain) in enumerate(reversed(heads)):
          rows.append(struct.pack('<IHHHHHHIIIHHHHHII', 0x02014b50, 20, 20, 0, 8, 0, 0, zlib.crc32(plain), len(packed),
                                  len(plain), len(name), 0, 0, 0, 0, 0, offset) + name)
          offset += len(head) + 5
      central = b''.join(rows)
      end = struct.pack('<IHHHHIIH', 0x06054b50, 0, 0, count, count, len(central), len(body), 0)
      open('overlap.zip', 'wb').write(body + central + end)
      PYTHON
      """)
    #expect(try home.shell("unzip -Z1 overlap.zip | wc -l") == "150\n")
    let error = try #require(refusal("overlap.zip"))
    #expect(error.detail.contains("templates.maxRatio"), "\(error.detail)")
  }

  @Test func limitsOnBytesAndEntriesHold() throws {
    let bytes = try #require(
      try refusal(ofTar: "entry('a', data=b'x' * 600); entry('b', data=b'x' * 600)", limits: .init(maxBytes: 1000)))
    #expect(bytes.detail.hasPrefix("b: ") && bytes.detail.contains("templates.maxBytes"))
    let entries = try #require(
      try refusal(ofTar: "for i in range(20): entry('d%d/f' % i, data=b'')", limits: .init(maxFiles: 30)))
    #expect(entries.detail.contains("templates.maxFiles"))
  }

  @Test func damagedAndForeignFilesAreRefused() throws {
    try home.shell(
      """
      mkdir t; head -c 200000 /dev/urandom > t/r; echo x > t/x
      tar czf a.tar.gz t; head -c 100000 a.tar.gz > cut.tar.gz
      tar cf - t | zstd -q > a.tar.zst; head -c 100000 a.tar.zst > cut.tar.zst
      tar cf a.tar t; head -c 100000 a.tar > cut.tar
      zip -qr a.zip t; head -c 100000 a.zip > cut.zip; head -c $(($(stat -c %s a.zip) - 30)) a.zip > cut2.zip
      python3 -c "d=bytearray(open('a.zip','rb').read()); d[5000]^=255; open('flip.zip','wb').write(d)"
      echo '<html>not an archive</html>' > page.zip; : > empty.zip
      """)
    for name in [
      "cut.tar.gz", "cut.tar.zst", "cut.tar", "cut.zip", "cut2.zip", "flip.zip", "page.zip", "empty.zip",
    ] {
      #expect(refusal(name)?.type == .archiveRejected, "\(name)")
    }
  }

  @Test func encryptedEntriesAreRefused() throws {
    try home.shell("echo secret > s; zip -q -P password secret.zip s")
    #expect(refusal("secret.zip")?.type == .archiveRejected)
  }
}
