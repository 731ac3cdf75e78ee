// swift-tools-version: 6.2

import PackageDescription

let package = Package(
  name: "Benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "seesaw", path: "..")],
  targets: [
    .executableTarget(
      name: "Benchmark",
      dependencies: [.product(name: "Seesaw", package: "seesaw"), .product(name: "Torch", package: "seesaw")]),
    .executableTarget(
      name: "EncoderBenchmark",
      dependencies: [.product(name: "Seesaw", package: "seesaw"), .product(name: "Torch", package: "seesaw")]),
  ]
)
