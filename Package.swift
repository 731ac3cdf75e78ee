// swift-tools-version: 6.2

import Foundation
import PackageDescription

// libtorch: LIBTORCH, else the folder that `make libtorch` fills.
let packageFolder = URL(filePath: #filePath).deletingLastPathComponent().path
let libtorch = Context.environment["LIBTORCH"] ?? "\(packageFolder)/.libtorch/torch"
let hasCUDA = ["libtorch_cuda.so"].contains { FileManager.default.fileExists(atPath: "\(libtorch)/lib/\($0)") }

// Libraries that are there and left out: SEESAW_WITHOUT="video openvino", of arrow, sounds, video, hdf5 and openvino.
let leftOut = Set((Context.environment["SEESAW_WITHOUT"] ?? "").split(separator: " ").map(String.init))

// Arrow, which reads and writes Parquet: ARROW, else the folder that `make arrow` fills. Without it nothing else is lacking.
let arrow = Context.environment["ARROW"] ?? "\(packageFolder)/.arrow"
let hasArrow = !leftOut.contains("arrow") && FileManager.default.fileExists(atPath: "\(arrow)/include/arrow/api.h")

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .treatAllWarnings(as: .error),
]

// `make fuzz` builds the parsers with a main of libFuzzer's, `make sanitize` the tests of what calls C and C++; in both
// every undefined step of our C and C++ ends the process.
let part = Context.environment["SEESAW_PART"]
let strictness =
  part == nil ? [] : ["-fsanitize=undefined", "-fno-sanitize=vptr,function", "-fno-sanitize-recover=all"]

// CUDA's library registers itself when it is loaded, so it is linked although nothing of ours names it.
let cudaLinking = hasCUDA ? ["-Xlinker", "--no-as-needed", "-ltorch_cuda", "-Xlinker", "--as-needed"] : []

// Homebrew's giflib brings no file for pkg-config.
let giflib = ["/opt/homebrew", "/usr/local"].map { "\($0)/opt/giflib" }.filter {
  FileManager.default.fileExists(atPath: "\($0)/include/gif_lib.h")
}
let pictures = strictness + giflib.map { "-I\($0)/include" }

let headers: [CXXSetting] = [.unsafeFlags(["-isystem", "\(libtorch)/include"] + strictness)]
let linking: [LinkerSetting] = [
  .unsafeFlags(
    ["-L\(libtorch)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(libtorch)/lib", "-ltorch_cpu", "-lc10"] + cudaLinking)
]

// The linker looks for libarrow's own libraries beside it.
let arrowLinking: [LinkerSetting] = [
  .unsafeFlags(["-L\(arrow)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(arrow)/lib", "-lparquet", "-larrow"])
]
let arrowTargets: [Target] =
  hasArrow
  ? [
    .target(
      name: "CArrow", cxxSettings: [.unsafeFlags(["-isystem", "\(arrow)/include"] + strictness)],
      linkerSettings: arrowLinking)
  ] : []
let readers: [Target.Dependency] = hasArrow ? ["CArrow"] : []
let read: [SwiftSetting] = hasArrow ? [.define("READS_PARQUET")] : []

/// Whether a library's header is where systems keep such; Debian keeps some in folders below the usual one.
func hasHeader(_ name: String, debian folders: [String] = []) -> Bool {
  let places = ["/usr/include", "/usr/local/include", "/opt/homebrew/include"] + folders.map { "/usr/include/\($0)" }
  return places.contains { FileManager.default.fileExists(atPath: "\($0)/\(name)") }
}

// libsndfile, which reads FLAC, Ogg and MP3; without it WAVE is read.
let hasSndFile = !leftOut.contains("sounds") && hasHeader("sndfile.h")
let soundTargets: [Target] =
  hasSndFile
  ? [
    .systemLibrary(
      name: "CLibSndFile", pkgConfig: "sndfile", providers: [.apt(["libsndfile1-dev"]), .brew(["libsndfile"])])
  ] : []
let sounds: [Target.Dependency] = hasSndFile ? ["CLibSndFile"] : []
let heard: [SwiftSetting] = hasSndFile ? [.define("READS_SOUNDS")] : []

// FFmpeg's libraries, which read video and the sounds that libsndfile does not; Debian keeps headers by architecture.
let hasVideo =
  !leftOut.contains("video")
  && hasHeader("libavformat/avformat.h", debian: ["x86_64-linux-gnu", "aarch64-linux-gnu"])
let videoTargets: [Target] =
  hasVideo
  ? [
    .systemLibrary(
      name: "CLibAV", pkgConfig: "libavformat",
      providers: [
        .apt(["libavformat-dev", "libavcodec-dev", "libswscale-dev", "libswresample-dev"]), .brew(["ffmpeg"]),
      ]),
    .target(
      name: "CVideo", dependencies: ["CLibAV"], cSettings: strictness.isEmpty ? [] : [.unsafeFlags(strictness)],
      linkerSettings: ["avformat", "avcodec", "avutil", "swscale", "swresample"].map { .linkedLibrary($0) }),
  ] : []
let clips: [Target.Dependency] = hasVideo ? ["CVideo"] : []
let seen: [SwiftSetting] = hasVideo ? [.define("READS_VIDEO")] : []

// libhdf5, which reads arrays in HDF5 files; Debian keeps its header in a folder of its own.
let hasHDF5 = !leftOut.contains("hdf5") && hasHeader("hdf5.h", debian: ["hdf5/serial"])
let arrayTargets: [Target] =
  hasHDF5
  ? [
    .systemLibrary(name: "CLibHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"]), .brew(["hdf5"])]),
    .target(
      name: "CHDF5", dependencies: ["CLibHDF5"], cSettings: strictness.isEmpty ? [] : [.unsafeFlags(strictness)],
      linkerSettings: [.linkedLibrary("hdf5")]),
  ] : []
let arrays: [Target.Dependency] = hasHDF5 ? ["CHDF5"] : []
let stored: [SwiftSetting] = hasHDF5 ? [.define("READS_HDF5")] : []

// OpenVINO, which runs ONNX models that are audited: OPENVINO, else the folder that `make openvino` fills.
let openvino = Context.environment["OPENVINO"] ?? "\(packageFolder)/.openvino"
let hasOpenVINO =
  !leftOut.contains("openvino")
  && FileManager.default.fileExists(atPath: "\(openvino)/include/openvino/c/openvino.h")
let modelTargets: [Target] =
  hasOpenVINO
  ? [
    .target(
      name: "COpenVINO", cSettings: [.unsafeFlags(["-isystem", "\(openvino)/include"] + strictness)],
      linkerSettings: [
        .unsafeFlags(["-L\(openvino)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(openvino)/lib", "-lopenvino_c"])
      ])
  ] : []
let models: [Target.Dependency] = hasOpenVINO ? ["COpenVINO"] : []
let run: [SwiftSetting] = hasOpenVINO ? [.define("RUNS_ONNX")] : []

// Of what puts the others together: optimizing it takes a minute of every first build and saves no command more than a
// sixth of its time, but for programs that answer an audit at once.
let unhurried: [SwiftSetting] = settings + [.unsafeFlags(["-Onone"], .when(configuration: .release))]

// Of what computes: optimized in a debug build too, since tests take half as long then.
let hurried: [SwiftSetting] = settings + [.unsafeFlags(["-O"], .when(configuration: .debug))]

func target(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [], resources: [Resource]? = nil,
  _ settings: [SwiftSetting] = settings
) -> Target {
  .target(name: name, dependencies: dependencies, exclude: exclude, resources: resources, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"], path: "Tests/\(name)", swiftSettings: settings)
}

// CryptoKit is there elsewhere.
let digests = Target.Dependency.target(name: "CLibCrypto", condition: .when(platforms: [.linux]))
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let sockets = Target.Dependency.product(name: "FlyingSocks", package: "FlyingFox")
let parser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let nio = ["NIOCore", "NIOHTTP1", "NIOPosix"].map { Target.Dependency.product(name: $0, package: "swift-nio") }

let package = Package(
  name: "seesaw",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Torch", targets: ["Torch", "TorchNN"]),
    .library(name: "Seesaw", targets: ["Seesaw"]),
    // Models that are trained already, without what trains and reports.
    .library(name: "SeesawPredict", targets: ["SeesawPredict"]),
    // For packages with methods of their own: what their tests check, and the command that knows them.
    .library(name: "SeesawConformance", targets: ["SeesawConformance"]),
    .library(name: "SeesawCommand", targets: ["SeesawCommand"]),
    .executable(name: "seesaw", targets: ["SeesawMain"]),
    // By itself, so that who only needs the command does not build a server.
    .executable(name: "seesaw-serve", targets: ["SeesawServe"]),
    // Loaded by tests into the command.
    .library(name: "ForeignDevice", type: .dynamic, targets: ["ForeignDevice"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache.git", from: "2.1.1"),
    .package(url: "https://github.com/swhitty/FlyingFox.git", from: "0.27.1"),
    .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
  ],
  targets: [
    // The world of tensors
    .target(
      name: "CTorch", exclude: ["declared/README.md"], sources: ["all.cpp", "processes.cpp"],
      cxxSettings: headers + [
        .headerSearchPath("declared"), .unsafeFlags(["-isystem", "\(libtorch)/include/torch/csrc/api/include"]),
      ], linkerSettings: linking),
    target("Torch", ["CTorch"], hurried),
    target("TorchNN", ["Torch"], exclude: ["Gradients/Factored/README.md"], hurried),
    target("Multimodal", ["Records", "Torch", "TorchNN"], hurried),

    // Plain records and pages
    .systemLibrary(
      name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]),
    target("Records", [digests, "Yams"]),
    target("Reports", ["Records", mustache], resources: [.embedInCode("HTML/Page")], unhurried),

    // Pixels and words
    .systemLibrary(
      name: "CLibJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg62-turbo-dev"]), .brew(["jpeg-turbo"])]),
    .systemLibrary(name: "CLibPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(name: "CLibWebP", pkgConfig: "libwebp", providers: [.apt(["libwebp-dev"]), .brew(["webp"])]),
    .systemLibrary(name: "CLibGIF", pkgConfig: "libgif", providers: [.apt(["libgif-dev"]), .brew(["giflib"])]),
    .systemLibrary(name: "CLibTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"]), .brew(["libtiff"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .systemLibrary(
      name: "CLibArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"]), .brew(["libarchive"])]),
    .target(
      name: "CImage", dependencies: ["CLibJPEG", "CLibPNG", "CLibWebP", "CLibGIF", "CLibTIFF"],
      cSettings: pictures.isEmpty ? [] : [.unsafeFlags(pictures)],
      linkerSettings: ["jpeg", "png", "webp", "webpdemux", "gif", "tiff"].map { .linkedLibrary($0) }
        + (giflib.isEmpty ? [] : [.unsafeFlags(giflib.map { "-L\($0)/lib" })])),
    target(
      "Encoders", ["CImage", "Records", "Torch", "TorchNN", "Multimodal"] + sounds + clips, hurried + heard + seen),
    target(
      "Datasets",
      ["CLibArchive", "CZlib", "Records", "Torch", "Multimodal", "Encoders", "Evaluation"] + readers + arrays,
      hurried + read + stored),

    // Methods and measures
    target("Balancing", ["Records", "Torch", "TorchNN", "Multimodal"], hurried),
    target("Evaluation", ["Records", "Torch", "TorchNN", "Multimodal", "Encoders"], hurried),
    target("Auditing", ["Evaluation", "Multimodal", "Records"], hurried),
    target("SeesawPredict", ["Balancing", "Encoders", "LanguageModels", "Multimodal", "Records", "Torch", "TorchNN"]),
    target("ConformanceSupport", ["Multimodal", "Torch"], hurried),
    target(
      "SeesawConformance", ["Balancing", "ConformanceSupport", "Multimodal", "Records", "Torch", "TorchNN"], hurried),

    // Models that write
    target("LanguageModels", ["Encoders", "Multimodal", "Records", "Torch", "TorchNN"], hurried),

    // All joined
    target(
      "Experiments",
      [
        "Records", "Torch", "TorchNN", "Multimodal", "Encoders", "Datasets", "Balancing", "Evaluation", "Auditing",
        "LanguageModels", "Reports", "SeesawPredict",
      ] + models, unhurried + run),
    target(
      "Seesaw",
      [
        "Torch", "TorchNN", "Multimodal", "Encoders", "Datasets", "Balancing", "Evaluation", "Auditing",
        "LanguageModels", "Records", "Reports", "Experiments", "SeesawPredict",
      ]),
    target(
      "SeesawCommand",
      [
        "Commit", "Datasets", "Seesaw", "ServeOptions", parser, sockets,
        .product(name: "FlyingFox", package: "FlyingFox"),
      ], unhurried),
    .executableTarget(name: "SeesawMain", dependencies: ["SeesawCommand"], swiftSettings: unhurried),
    target("ServeOptions", ["Records", parser], unhurried),
    .target(name: "Commit", swiftSettings: settings, plugins: ["CommitPlugin"]),
    .plugin(name: "CommitPlugin", capability: .buildTool()),
    .executableTarget(
      name: "SeesawServe",
      dependencies: ["Commit", "Experiments", "Records", "ServeOptions", "Torch", parser] + nio,
      swiftSettings: settings),

    .target(
      name: "TestSupport", dependencies: ["ConformanceSupport", "Multimodal", "Torch", sockets],
      path: "Tests/TestSupport",
      swiftSettings: hurried),
    .target(
      name: "HostileInput",
      dependencies: ["Auditing", "Datasets", "Encoders", "Experiments", "Multimodal", "Records", "Reports", "Torch"],
      path: "Tests/HostileInput", swiftSettings: settings),
    .target(name: "ForeignDevice", path: "Tests/ForeignDevice", cxxSettings: headers, linkerSettings: linking),
    tests("HostileInputTests", ["HostileInput"]),
    tests("TorchTests", ["Torch"]),
    tests("TorchNNTests", ["Torch", "TorchNN"]),
    tests("RecordsTests", ["Records"]),
    tests("ReportsTests", ["Records", "Reports"]),
    tests("MultimodalTests", ["Multimodal", "Torch", "TorchNN"]),
    tests("EncodersTests", ["CImage", "Encoders", "Multimodal", "Records", "Torch", "TorchNN"]),
    tests("DatasetsTests", ["Datasets", "Evaluation", "Multimodal", "Records", "Torch"]),
    tests("EvaluationTests", ["Encoders", "Evaluation", "Multimodal", "Records", "Torch"]),
    tests("LanguageModelsTests", ["Encoders", "LanguageModels", "Multimodal", "Records", "Torch", "TorchNN"]),
    tests("AuditingTests", ["Auditing", "Multimodal", "Records", "Reports"]),
    tests("BalancingTests", ["Balancing", "Multimodal", "Records", "SeesawConformance", "Torch", "TorchNN"]),
    tests("SeesawConformanceTests", ["Balancing", "Multimodal", "Records", "SeesawConformance", "Torch", "TorchNN"]),
    tests(
      "ExperimentsTests",
      [
        "Auditing", "Balancing", "Datasets", "Encoders", "Evaluation", "Experiments", "LanguageModels", "Multimodal",
        "Records", "SeesawPredict", "Torch", "TorchNN",
      ]),
    tests(
      "SeesawCommandTests",
      [
        "Balancing", "Commit", "Datasets", "Experiments", "Records", "Reports", "SeesawCommand", "ServeOptions", parser,
      ]),
    tests(
      "SeesawServeTests",
      ["Encoders", "Experiments", "Multimodal", "Records", "SeesawPredict", "SeesawServe"]
        + nio + [.product(name: "NIOEmbedded", package: "swift-nio")]),
    tests("SeesawTests", ["Seesaw"]),
    tests("EndToEndTests", ["Datasets", "Encoders", "Records", "Torch"]),
  ] + arrowTargets + soundTargets + videoTargets + arrayTargets + modelTargets,
  cxxLanguageStandard: .cxx20
)

if part == "fuzz" {
  // libFuzzer brings the main.
  package.targets.append(
    .executableTarget(
      name: "Fuzz", dependencies: ["HostileInput"], path: "Fuzz/Driver",
      swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]))
}
if part == "sanitize" {
  let kept: Set = [
    "CTorch", "Torch", "TorchNN", "Multimodal", "CLibCrypto", "Records", "ConformanceSupport", "CLibJPEG", "CLibPNG",
    "CLibWebP", "CLibGIF",
    "CLibTIFF", "CImage", "CLibSndFile", "CLibAV", "CVideo", "Encoders", "TestSupport", "TorchTests", "TorchNNTests",
    "EncodersTests",
  ]
  package.products = []
  package.targets.removeAll { !kept.contains($0.name) }
}
