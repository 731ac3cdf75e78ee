// swift-tools-version: 6.2

import PackageDescription

let package = Package(
  name: "OwnMethod",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "own-seesaw", targets: ["own-seesaw"])],
  dependencies: [.package(name: "seesaw", path: "../..")],
  targets: [
    .target(name: "OwnMethod", dependencies: [.product(name: "Seesaw", package: "seesaw")]),
    .executableTarget(
      name: "own-seesaw", dependencies: ["OwnMethod", .product(name: "SeesawCommand", package: "seesaw")]),
    .testTarget(
      name: "OwnMethodTests", dependencies: ["OwnMethod", .product(name: "SeesawConformance", package: "seesaw")]),
  ]
)
