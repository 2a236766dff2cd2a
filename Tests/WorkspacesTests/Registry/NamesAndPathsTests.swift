import BerthProtocol
import Foundation
import JSON
import Platform
import Testing

@testable import Workspaces

@Suite struct SlugTests {
  @Test(arguments: [
    ("My App", "my-app"), ("  --a__b--  ", "a-b"), ("Ærøskøbing", "aeroskobing"), ("Straße 12", "strasse-12"),
    ("e\u{301}te\u{301}", "ete"), ("Łódź/ţest", "lodz-test"), ("日本語", "workspace"), ("🚀 launch 🚀", "launch"),
    ("", "workspace"), ("ws_01abc", "ws-01abc"),
  ])
  func `a slug is made of letters, digits and hyphens`(name: String, slug: String) {
    #expect(Slug.make(from: name) == slug)
  }

  @Test func `a slug is bounded`() {
    let slug = Slug.make(from: String(repeating: "ab ", count: 100))
    #expect(slug.count <= Slug.maximumLength)
    #expect(slug.hasSuffix("b"))
  }
}

@Suite struct FolderPathTests {
  @Test func `a path is contained by its folders only`() {
    #expect(FolderPath.contains("/a", "/a"))
    #expect(FolderPath.contains("/a", "/a/b"))
    #expect(FolderPath.contains("/", "/a"))
    #expect(!FolderPath.contains("/a", "/ab"))
    #expect(!FolderPath.contains("/a/b", "/a"))
    #expect(!FolderPath.contains("/a", "/a\u{301}/b"))
  }

  @Test func `a path is taken apart at its slashes`() {
    #expect(FolderPath.parent(of: "/a/b") == "/a")
    #expect(FolderPath.parent(of: "/a") == "/")
    #expect(FolderPath.parent(of: "/") == "/")
    #expect(FolderPath.name(of: "/a/b") == "b")
    #expect(FolderPath.name(of: "/a/\u{301}b") == "\u{301}b")
    #expect(FolderPath.join("/", "a") == "/a")
  }

  @Test func `a canonical path has no detours`() throws {
    #expect(try FolderPath.canonical("/") == "/")
    #expect(try FolderPath.canonical("/usr/../usr//./bin/..") == "/usr")
    #expect(try FolderPath.canonical("/berth-missing//x/./y/") == "/berth-missing/x/y")
    expectError(.invalidArgument) { try FolderPath.canonical("") }
    expectError(.invalidArgument) { try FolderPath.canonical("/a\0b") }
    expectError(.invalidArgument) { try FolderPath.canonical("/berth-missing/../x") }
  }
}

@Suite struct FolderIdentityTests {
  @Test func `a folder keeps its identity when devices are numbered anew`() {
    let folder = FolderIdentity(device: 1, inode: 2, birth: 3)
    #expect(folder.isSameFolder(as: FolderIdentity(device: 9, inode: 2, birth: 3)))
    #expect(!folder.isSameFolder(as: FolderIdentity(device: 1, inode: 2, birth: 4)))
    #expect(!folder.isSameFolder(as: FolderIdentity(device: 1, inode: 5, birth: 3)))
    #expect(folder.isSameFolder(as: FolderIdentity(device: 1, inode: 2, birth: 0)))
    #expect(!folder.isSameFolder(as: FolderIdentity(device: 9, inode: 2, birth: 0)))
  }

  @Test func `a look tells folders and mount points`() throws {
    #expect(try FolderLook.at("/").isDirectory)
    #expect(try FolderLook.at("/").isMountPoint != false)
    #expect(try FolderLook.at("/usr").identity == FolderLook.at("/usr").identity)
    #expect(throws: SystemError.self) { try FolderLook.at("/berth-missing") }
    #expect(throws: SystemError.self) { try FolderLook.at("") }
  }
}
