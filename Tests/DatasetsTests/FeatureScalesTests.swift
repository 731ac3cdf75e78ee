import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Datasets

@Suite("What features are multiplied by")
struct FeatureScalesTests {
  /// Rows whose root mean square is 10 in `image` and 0.06 in `text`, in one column each beside a zero.
  private func withSet(_ body: (URL, FeatureSet) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try DatasetManifest(
        name: "scales", task: .singleLabel, classes: ["a", "b"], modalities: ["image", "text"], metric: .accuracy
      ).write(to: folder)
      for split in ["train", "validation", "test"] {
        try write(split, image: 10, text: 0.06, labels: true, folder)
      }
      try write("train@text-noisy", text: 0.5, folder)
      try write("validation@text-noisy", text: 0.5, folder)
      try write("test@text-noisy", text: 0.25, folder)
      try SafeTensors.write(
        [("image", try Tensor([Float(3), 0], shape: [1, 2]))],
        to: folder.appending(path: "test@image-missing.safetensors"))
      try body(folder, FeatureSet(at: folder))
    }
  }

  private func write(
    _ name: String, image: Float? = nil, text: Float? = nil, labels: Bool = false, _ folder: URL
  ) throws {
    func rows(_ size: Float) throws -> Tensor {
      let value = size * Float(2).squareRoot()
      return try Tensor((0..<4).flatMap { [$0 % 2 == 0 ? value : -value, 0] }, shape: [4, 2])
    }
    var tensors: [(String, Tensor)] = []
    if let image { tensors.append(("image", try rows(image))) }
    if let text { tensors.append(("text", try rows(text))) }
    if labels { tensors.append(("labels", try Tensor([0, 1, 0, 1]))) }
    try SafeTensors.write(tensors, to: folder.appending(path: "\(name).safetensors"))
  }

  private func first(_ split: FeatureSplit?, _ modality: Modality) throws -> Float {
    try #require(split).batch([.init(0)]).inputs[modality].array(of: Float.self)[0]
  }

  @Test("'auto' takes the power of two that brings the training rows nearest to a mean square of 1")
  func measured() throws {
    try withSet { _, set in
      let scaled = try set.scaled("auto")
      // 10 / 8 = 1.25 and 10 / 16 = 0.625; 0.06 · 16 = 0.96.
      #expect(scaled.scales["image"] == 0.125 && scaled.scales["text"] == 16)
      #expect(scaled.scales.words(set.modalities) == "image=0.125,text=16")
      #expect(try scaled.scaled("auto") === scaled && set.scaled("none") === set)
      #expect(set.scales.words(set.modalities) == "none")
    }
  }

  @Test("whatever of a modality goes to a model is multiplied alike, and the files' rows stay as they are")
  func everywhere() throws {
    try withSet { folder, plain in
      let set = try plain.scaled("image=0.125,text=16")
      let large = 10 * Float(2).squareRoot()
      for split in [set.train as FeatureSplit?, set.validation, set.test] {
        #expect(try first(split, "image") == large / 8)
        #expect(try #require(split).inputs["image"].array(of: Float.self)[0] == large)
      }
      #expect(try first(set.test(under: "text-noisy").split, "text") == 0.25 * Float(2).squareRoot() * 16)
      #expect(try first(set.validation(under: "text-noisy"), "text") == 0.5 * Float(2).squareRoot() * 16)
      #expect(try first(set.test(under: "image-missing").split, "image") == 3 / 8)
      #expect(try first(set.validation(without: ["image"]), "image") == 3 / 8)
      #expect(abs(try first(set.test(under: "image-swapped").split, "image")) == large / 8)
      #expect(try first(set.restricted(to: ["text"]).train, "text") == 0.06 * Float(2).squareRoot() * 16)
      #expect(try first(set.seen(under: "text-noisy").train, "text") == 0.5 * Float(2).squareRoot() * 16)
      #expect(try set.missingFeatures("image").array(of: Float.self) == [3, 0])

      let plan = SamplingPlan.inOrder(4).flipping(RandomSource(seed: 1), epoch: 1)
      let views = try ViewedBatches(set.train, share: 1)
      let viewed = try #require(try views.feed(plan.batches(of: 4), from: 0).next())
      #expect(try abs(viewed.inputs["image"].array(of: Float.self)[0]) == large / 8)
      #expect(try abs(viewed.inputs["text"].array(of: Float.self)[0]) == 0.5 * Float(2).squareRoot() * 16)
    }
  }

  @Test(
    "what says no factors is refused with what could be written",
    arguments: ["image", "image=0", "image=-1", "sound=2", "image=2;text=3", "image=nan"])
  func refused(words: String) throws {
    try withSet { _, set in
      let error = #expect(throws: Diagnosis.self) { try set.scaled(words) }
      #expect(error?.place == "data.scale" && error?.remedy?.contains("auto, none") == true)
    }
  }
}
