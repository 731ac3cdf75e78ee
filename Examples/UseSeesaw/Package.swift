// swift-tools-version: 6.2

import PackageDescription

let package = Package(
  name: "UseSeesaw",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "seesaw", path: "../..")],
  targets: [
    .executableTarget(name: "UseSeesaw", dependencies: [.product(name: "Seesaw", package: "seesaw")]),
    .executableTarget(name: "PredictOnly", dependencies: [.product(name: "SeesawPredict", package: "seesaw")]),
  ]
)
