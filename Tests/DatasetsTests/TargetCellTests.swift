import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Datasets

@Suite("Targets of samples")
struct TargetCellTests {
  @Test("a number is read as programs write it, and nothing is guessed")
  func cells() {
    for (cell, value) in [("899", 899.0), (" 8.99e2 ", 899), ("-0.5", -0.5), ("0", 0)] {
      #expect(TargetCell(cell) == .number(value), "\(cell)")
    }
    for cell in ["", "n/a", "NaN", "None"] {
      guard case .refused(let reason) = TargetCell(cell) else {
        Issue.record("'\(cell)' was read")
        continue
      }
      #expect(reason.hasPrefix("has no target"), "\(cell)")
    }
    #expect(TargetCell("Rs 899") == .refused("its target 'Rs 899' is not a number"))
    #expect(TargetCell("1,299") == .refused("its target '1,299' is not a number"))
    #expect(TargetCell("inf") == .refused("its target is infinite"))
    #expect(TargetCell(.nan) == .refused("has no target (NaN)"))
    #expect(TargetCell(["1", "2"]) == .refused("has 2 targets, one is predicted"))
  }

  private func read(_ rows: [String], _ change: (inout RawDatasetSettings) -> Void = { _ in }) throws -> RawDataset {
    try withTemporaryFolder { folder in
      try Data((["id,text,label,split"] + rows).joined(separator: "\n").utf8).write(
        to: folder.appending(path: "samples.csv"))
      var settings = RawDatasetSettings()
      settings.task = "regression"
      change(&settings)
      return try RawDataset(at: folder, settings: settings)
    }
  }

  @Test("a table's labels are numbers: spellings stay, no classes are found, and what is no number is put aside")
  func table() throws {
    let data = try read([
      "a,one,1.50,train", "b,two,1.5,train", "c,three,-2,train", "d,four,Rs 9,train", "e,five,,train", "f,six,7,test",
      "g,seven,nan,test",
    ])
    #expect(data.isRegression && !data.isMultiLabel && data.classes.isEmpty)
    #expect(data.samples.compactMap { data.target(of: $0) } == [1.5, 1.5, -2, 7])
    #expect(data.quarantined.map(\.reason) == ["its target 'Rs 9' is not a number", "has no target", "has no target"])
    #expect(!data.notes.contains { $0.contains("class") || $0.contains("spelling") }, "\(data.notes)")
  }

  @Test("a test target that training has not is no fault, one target for all is")
  func faults() throws {
    _ = try read(["a,one,1,train", "b,two,2,train", "c,three,99,test"])
    let error = try #require(throws: RawDatasetError.self) {
      try read(["a,one,1,train", "b,two,1.0,train", "c,three,99,test"])
    }
    #expect(error.faults == [.onlyOneTarget(1)])
    #expect("\(error.diagnosis)".contains("every training row has the target 1.0: there is nothing to predict"))
  }

  @Test("a split is drawn without regard to targets, and the notes say nothing of classes")
  func drawn() throws {
    let data = try read((0..<40).map { "r\($0),text \($0),\($0)," }) { $0.columns = "split=" }
    #expect(data.samples(in: .test).count > 2 && data.samples(in: .train).count > 20)
    #expect(data.notes.contains { $0.contains("% were drawn, with seed") }, "\(data.notes)")
  }

  // MARK: Feature sets

  private func features(
    _ labels: Tensor, manifest change: (inout DatasetManifest) -> Void = { _ in }
  ) throws -> FeatureSet {
    try withTemporaryFolder { folder in
      var manifest = DatasetManifest(
        name: "prices", task: .regression, classes: [], modalities: ["image"], metric: .r2)
      change(&manifest)
      try manifest.write(to: folder)
      let rows = try Tensor(numbers(labels.shape[0] * 2, seed: 1).map { Float($0) }, shape: [labels.shape[0], 2])
      for split in ["train", "test"] {
        try SafeTensors.write(
          [("image", rows), ("labels", labels)], to: folder.appending(path: "\(split).safetensors"))
      }
      return try FeatureSet(at: folder)
    }
  }

  @Test(
    "labels stay in their unit, and batches have them standardized by training",
    arguments: [ElementType.float32, .int64])
  func standardized(_ type: ElementType) throws {
    let set = try features(Tensor([1.0, 2, 3, 6]).to(type))
    #expect(try set.train.labels.array(of: Double.self) == [1, 2, 3, 6])
    let scale = try #require(set.targets)
    #expect(scale.mean == 3 && allClose([scale.deviation], [(3.5).squareRoot()]))
    let test = try #require(set.test)
    for split in [set.train, test, try set.test(under: "image-missing").split, set.train.streamed()] {
      let batch = try #require(try split.feed(SamplingPlan.inOrder(4).batches(of: 4), from: 0).next())
      #expect(allClose(try batch.labels.array(), [-2, -1, 0, 3].map { $0 / (3.5).squareRoot() }, relative: 1e-12))
    }
    #expect(set.manifest.outputs == 1)
  }

  @Test("what cannot be predicted is refused with its reason")
  func refused() throws {
    func reason(_ labels: Tensor, _ change: (inout DatasetManifest) -> Void = { _ in }) throws -> String {
      try #require(throws: FeatureSetError.self) { try features(labels, manifest: change) }.faults.joined(
        separator: "; ")
    }
    #expect(try reason(Tensor([2.0, 2])).contains("the target is the same in every sample"))
    #expect(try reason(Tensor([1.0, .nan])).contains("the target is not finite (NaN or infinite) in 1 row: 1"))
    #expect(try reason(Tensor([1.0, 2], shape: [1, 2])).contains("several targets are not predicted"))
    #expect(try reason(Tensor([1.0, 2])) { $0.classes = ["a"] }.contains("a regression has no classes, found 1"))
    #expect(
      try reason(Tensor([1.0, 2])) { $0.metric = .accuracy }.contains("a regression is scored by r2, not by accuracy"))
    #expect(
      DatasetManifest.fault(.r2, of: .singleLabel) == "the metric r2 is of a regression, the task is single-label")
  }
}
