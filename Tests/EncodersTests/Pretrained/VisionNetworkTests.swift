import Foundation
import Records
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Encoders

@Suite("Image networks")
struct VisionNetworkTests {
  private func network(
    _ name: String, as arithmetic: NetworkArithmetic = NetworkArithmetic(.float32)
  ) throws -> any VisionNetwork {
    let folder = Checkpoints.folder(name)
    return try PretrainedImageEncoder.network(in: folder, CheckpointWeights(in: folder, as: arithmetic)).0
  }

  @Test(
    "every layer and pooling is transformers'",
    arguments: [
      "vit", "vit-prefixed", "vit-stretched", "clip", "clip-vision", "siglip", "blip", "blip-retrieval", "resnet",
      "resnet-prefixed", "resnet-torchvision", "efficientnet-lite", "efficientnet-lite-tf",
    ])
  func layers(name: String) throws {
    let expected = try Checkpoints.expected(name)
    let (network, pass) = (try network(name), ForwardPass())
    var seen: [Tensor] = []
    let last = try withoutGradients { try network.rows(expected.tensor("pixels"), pass) { seen.append($0) } }
    #expect(expected.entry("hidden.\(seen.count - 1)") == nil && expected.entry("hidden.\(seen.count - 2)") != nil)
    for (layer, found) in seen.dropLast().enumerated() {
      #expect(try difference(found, expected.tensor("hidden.\(layer)")) < 1e-4, "layer \(layer)")
    }
    #expect(try difference(last, expected.tensor("rows")) < 1e-4)
    for pooling in [Pooling.pooler, .projected] {
      #expect((network.widths[pooling] != nil) == (expected.entry(pooling.rawValue) != nil), "\(pooling)")
      guard expected.entry(pooling.rawValue) != nil else { continue }
      #expect(
        try difference(network.pooled(last, pass, by: pooling), expected.tensor(pooling.rawValue)) < 1e-4, "\(pooling)")
    }
    if network.widths[.cls] != nil {
      #expect(try difference(network.pooled(last, pass, by: .cls), expected.tensor("rows").selected(1, 0)) < 1e-4)
      #expect(try difference(network.pooled(last, pass, by: .mean), expected.tensor("rows").mean(1)) < 1e-4)
    }
  }

  @Test(
    "bfloat16 stays near float32, on processors that multiply it and on others",
    arguments: [
      "vit", "vit-stretched", "clip", "clip-vision", "siglip", "blip", "resnet", "resnet-torchvision",
      "efficientnet-lite-tf",
    ])
  func halves(name: String) throws {
    let pixels = try Checkpoints.expected(name).tensor("pixels")
    let plain = try network(name)
    let exact = try withoutGradients { try plain.features(pixels, by: plain.standard) }
    for multiplies in [true, false] {
      let arithmetic = NetworkArithmetic(.bfloat16, multipliesBFloat16: multiplies)
      let short = try network(name, as: arithmetic)
      let rough = try withoutGradients { try short.features(pixels.to(arithmetic.type), by: plain.standard) }
      let apart = try difference(exact, rough.to(.float32)) / exact.abs().max().scalar()
      #expect(rough.elementType == (multiplies ? .bfloat16 : .float32))
      #expect(apart > 0 && apart < 0.05, "multiplied in hardware: \(multiplies)")
    }
  }

  @Test("a picture's row does not depend on the others in its batch", arguments: ["vit", "resnet"])
  func batches(name: String) throws {
    let pixels = try Checkpoints.expected(name).tensor("pixels")
    let network = try network(name)
    let both = try network.features(pixels, by: network.standard)
    let second = try network.features(pixels.narrowed(0, from: 1, length: 1), by: network.standard)
    #expect(try difference(both.selected(0, 1), second.selected(0, 0)) < 1e-5)
  }

  @Test("grouped convolutions and other channels are refused")
  func refusals() throws {
    try withTemporaryFolder { place in
      for (name, key, value) in [
        ("vit", "num_channels", 1 as Any), ("resnet", "layer_type", "grouped"), ("resnet", "hidden_act", "mish"),
        ("vit", "image_size", 2), ("vit", "qkv_bias", "yes"),
      ] {
        let folder = try Checkpoints.copy(name, in: place.appending(path: "\(name)-\(key)")) { $0[key] = value }
        let error = #expect(throws: CheckpointError.self) {
          try PretrainedImageEncoder.network(in: folder, CheckpointWeights(in: folder, as: .float32))
        }
        #expect(error?.diagnosis.what.contains("'\(key)'") == true)
      }
    }
  }
}
