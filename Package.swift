// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] =
  [
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  ] + (Context.environment["BERTH_STRICT"] == nil ? [] : [.treatAllWarnings(as: .error)])

/// A target of the package, with the settings that every target shares.
func target(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

func executable(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude, swiftSettings: settings)
}

let nio: [Target.Dependency] = [
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "NIOPosix", package: "swift-nio"),
]
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let yaml: Target.Dependency = .product(name: "Yams", package: "Yams")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let sqlite: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqliteC: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")

let package = Package(
  name: "berth",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "berth", targets: ["berth"]),
    .executable(name: "berth-bench", targets: ["berth-bench"]),
    .executable(name: "berth-shim", targets: ["berth-shim"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    // C and system libraries.
    .target(name: "CPlatform"),
    .systemLibrary(
      name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),

    .systemLibrary(name: "CSSH2", pkgConfig: "libssh2", providers: [.apt(["libssh2-1-dev"])]),
    // The catalog's rows, which are compiled in as they are.
    .target(name: "CatalogData", exclude: ["data"]),

    // From the ground up: a target imports only what stands above it in this list.
    target("Platform", ["CPlatform"]),
    target("JSON", ["Platform"]),
    target("Documents", ["JSON", "Platform", yaml]),
    target("BerthProtocol", ["JSON", "Platform"]),
    target("JSONRPC", ["JSON", "Platform", deque] + nio),
    target("Storage", ["Platform", "BerthProtocol", "JSON", crypto, sqlite, sqliteC]),
    target("Streams", ["Storage", "BerthProtocol", "JSON", "Platform", deque, sqlite, sqliteC]),
    target(
      "Supervisor", ["Streams", "Storage", "BerthProtocol", "JSON", "Platform", "CPlatform", sqlite]),
    target("Jobs", ["Streams", "Storage", "BerthProtocol", "JSON", "Platform", sqlite]),
    target(
      "Workspaces",
      [
        "Jobs", "Streams", "Storage", "Documents", "BerthProtocol", "JSON", "Platform", "CArchive", crypto, sqlite,
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "Subprocess", package: "swift-subprocess"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ]),
    target(
      "Apps",
      [
        "Supervisor", "Workspaces", "Jobs", "Streams", "Storage", "Documents", "BerthProtocol", "JSON", "Platform",
        crypto, sqlite,
      ]),
    target(
      "Agents",
      [
        "Supervisor", "Workspaces", "Streams", "Storage", "BerthProtocol", "JSON", "Platform", crypto, sqlite,
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ]),
    target("SSH", ["CSSH2", "JSON", "Platform", crypto]),
    target(
      "Provisioning",
      [
        "SSH", "CatalogData", "Jobs", "Streams", "Storage", "Documents", "BerthProtocol", "JSON", "Platform", crypto,
        sqlite,
      ]),
    target(
      "BerthServer",
      [
        "Agents", "Apps", "Provisioning", "Supervisor", "Workspaces", "Jobs", "Streams", "Storage", "JSONRPC",
        "BerthProtocol", "JSON",
        "Platform", crypto, logging,
      ]
        + nio),
    target("BerthClient", ["BerthProtocol", "JSON", "Platform"]),

    // Executables.
    executable(
      "berth",
      ["BerthServer", "BerthClient", "BerthProtocol", "JSON", "Platform", "Storage", "Streams", arguments, logging]),
    // Without a C library, and optimized in every build: what a shim takes, each supervised tree takes.
    .executableTarget(
      name: "berth-shim",
      cSettings: [
        .unsafeFlags([
          "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-ffreestanding", "-fno-stack-protector",
          "-ffunction-sections", "-fno-asynchronous-unwind-tables",
        ])
      ],
      linkerSettings: [
        .unsafeFlags([
          "-static-executable", "-nostartfiles", "-Xclang-linker", "-nostdlib", "-Xlinker", "--gc-sections",
        ])
      ]),
    .target(name: "CBench"),
    executable("berth-bench", ["CBench", "BerthClient", "BerthProtocol", "JSON", "Platform", arguments]),
    executable("ProtocolGenerator", ["JSON", arguments, yaml]),

    // Tests: one target a source target, and EndToEnd for the real executable.
    .target(
      name: "TestSupport", dependencies: ["BerthClient", "BerthProtocol", "Platform", "JSON"],
      path: "Tests/TestSupport",
      swiftSettings: settings),
    tests("JSONTests", ["JSON"]),
    tests("DocumentsTests", ["Documents", "JSON"]),
    tests("PlatformTests", ["Platform"]),
    tests("JSONRPCTests", ["JSONRPC", "JSON", "Platform", .product(name: "NIOEmbedded", package: "swift-nio")] + nio),
    tests("BerthProtocolTests", ["BerthProtocol", "JSON", "ProtocolGenerator"]),
    tests("StorageTests", ["Storage", "BerthProtocol", "JSON", sqlite]),
    tests("StreamsTests", ["Streams", "Storage", "BerthProtocol", "JSON", "Platform", sqlite]),
    tests(
      "SupervisorTests",
      ["Supervisor", "Streams", "Storage", "BerthProtocol", "JSON", "Platform", "CPlatform", "berth-shim", sqlite]),
    tests("JobsTests", ["Jobs", "Streams", "Storage", "BerthProtocol", "JSON", "Platform", sqlite]),
    tests(
      "WorkspacesTests", ["Workspaces", "Jobs", "Streams", "Storage", "BerthProtocol", "JSON", "Platform", sqlite]),
    tests("AppsTests", ["Apps", "Documents", "JSON", "Platform"], exclude: ["Manifest/Fixtures"]),
    tests(
      "AgentsTests",
      [
        "Agents", "Supervisor", "Workspaces", "Streams", "Storage", "BerthProtocol", "JSON", "Platform", "berth-shim",
        sqlite,
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ] + nio, exclude: ["ACP/Fixtures"]),
    tests("SSHTests", ["SSH", "JSON", "Platform"]),
    tests(
      "ProvisioningTests",
      ["Provisioning", "SSH", "Jobs", "Streams", "Storage", "Documents", "BerthProtocol", "JSON", "Platform", sqlite]),
    tests("BerthServerTests", ["BerthServer", "BerthProtocol", "JSON"]),
    tests("CommandLineTests", ["berth", "BerthClient", "BerthProtocol", "JSON", arguments]),
    tests("EndToEnd", ["BerthClient", "BerthProtocol", "JSON", "Platform", "berth-shim", sqlite]),
  ],
  swiftLanguageModes: [.v6]
)

// A fuzzer's entry point is libFuzzer's, so it links only where everything is built for it (`make fuzz`).
if Context.environment["BERTH_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "berth-fuzz", dependencies: ["JSONRPC", "JSON"] + nio, exclude: ["Corpus"],
      swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]))
}
