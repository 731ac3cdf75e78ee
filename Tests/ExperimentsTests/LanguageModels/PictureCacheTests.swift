import Foundation
import LanguageModels
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Experiments

@Suite("What a tower makes of pictures, kept on disk")
struct PictureCacheTests {
  private func picture(_ shade: UInt8, width: Int = 4) -> RGBImage {
    RGBImage(width: width, height: 24 / width, pixels: (0..<72).map { UInt8($0) ^ shade })
  }

  @Test func `a picture's numbers are made once for the same weights, pixels and shape`() throws {
    try withTemporaryFolder { folder in
      var made = 0
      func features(_ picture: RGBImage, _ identity: String = "a", shape: [Int] = [2, 3]) throws -> [Float] {
        try PictureCache(folder, identity: identity).features(of: picture, as: .float32) {
          made += 1
          return try Tensor((0..<6).map { Float($0 + made) }, shape: shape)
        }.flattened().array()
      }
      let first = try features(picture(1))
      #expect(try features(picture(1)) == first && made == 1)
      _ = try features(picture(2))
      _ = try features(picture(1, width: 8))
      _ = try features(picture(1), "b")
      #expect(made == 4)
      // Pictures of another number of rows have a folder of their own.
      let other = try features(picture(9), shape: [1, 6])
      #expect(try features(picture(9), shape: [2, 3]) == other && made == 5)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["1x6", "2x3"])
      // Damaged numbers are made anew.
      let file = try #require(FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "1x6").path).first)
      let url = folder.appending(path: "1x6/\(file)")
      var bytes = try Data(contentsOf: url)
      bytes[bytes.count - 1] ^= 1
      try bytes.write(to: url)
      _ = try features(picture(9))
      #expect(made == 6)
    }
  }

  @Test(arguments: ["llava-clip", "llava_next", "llama"])
  func `training and answers have the same bits with a cache, which other commands then read`(name: String) throws {
    try SmallLanguageModel.with(name, count: 24) { model, data, out in
      let kept = out.appending(path: "kept")
      func train(_ folder: String, _ cache: URL?) throws -> [String: [Float]] {
        var settings = LanguageModelSettings(folder: model)
        (settings.template, settings.question, settings.pictureCache) = ("vicuna", "one of {classes}?", cache)
        if name == "llama" { settings.tower = Conditions.golden("encoders/efficientnet-lite") }
        var request = FineTuningRequest(model: settings, data: data, out: out.appending(path: folder))
        (request.settings.epochs, request.settings.batchSize, request.threads) = (2, 4, 1)
        _ = try Experiment.fineTune(request)
        let file = try SafeTensors(reading: request.out.appending(path: AdapterFolder.weightsName))
        return Dictionary(uniqueKeysWithValues: try file.names.map { ($0, try file.tensor($0).flattened().array()) })
      }
      let plain = try train("plain", nil)
      #expect(try train("first", kept) == plain)
      let sizes = try FileManager.default.subpathsOfDirectory(atPath: kept.path).filter { $0.hasSuffix(".rows") }.map {
        try Data(contentsOf: kept.appending(path: $0)).count
      }
      #expect(!sizes.isEmpty)
      #expect(try train("second", kept) == plain)
      // Nothing was added: every picture was known.
      #expect(
        try FileManager.default.subpathsOfDirectory(atPath: kept.path).filter { $0.hasSuffix(".rows") }.map {
          try Data(contentsOf: kept.appending(path: $0)).count
        } == sizes)
    }
  }
}
