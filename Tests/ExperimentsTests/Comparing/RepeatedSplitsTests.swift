import Datasets
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Experiments

@Suite("Repeated splits")
struct RepeatedSplitsTests {
  private func withData(_ body: (URL, URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      try body(data, folder)
    }
  }

  /// Rows of a split as lists, to be found again.
  private func rows(_ set: FeatureSet, _ split: String, _ modality: Modality = "image") throws -> [[Float]] {
    let found: FeatureSplit? =
      switch split {
      case "train": set.train
      case "validation": set.validation
      default: set.test
      }
    let values: [Float] = try #require(found).inputs[modality].array()
    return stride(from: 0, to: values.count, by: SmallFeatureSet.width).map {
      Array(values[$0..<($0 + SmallFeatureSet.width)])
    }
  }

  private func labels(_ split: FeatureSplit?) throws -> [Int] { try #require(split).labels.array() }

  @Test("splits keep their sizes and classes, hold the same rows together, and are the same each time")
  func divided() throws {
    try withData { data, folder in
      let set = try FeatureSet(at: data)
      let splits = try RepeatedSplits(set)
      let one = try splits.make(1, in: folder.appending(path: "one"))
      #expect(splits.leftOut.isEmpty)
      let found = try FeatureSet(at: one)
      #expect(found.counts == set.counts)
      for (own, other) in [(set.train, found.train), (set.test, found.test), (set.validation, found.validation)] {
        #expect(try labels(own).sorted() == labels(other).sorted())
      }
      let names = ["train", "validation", "test"]
      func all(_ set: FeatureSet) throws -> Set<[Float]> { Set(try names.flatMap { try rows(set, $0) }) }
      #expect(try all(found) == all(set))
      #expect(try Set(rows(found, "test")) != Set(rows(set, "test")))
      let again = try FeatureSet(at: splits.make(1, in: folder.appending(path: "again")))
      #expect(try rows(again, "test") == rows(found, "test") && rows(again, "train") == rows(found, "train"))
      let two = try FeatureSet(at: splits.make(2, in: folder.appending(path: "two")))
      #expect(try Set(rows(two, "test")) != Set(rows(found, "test")))
      #expect(try splits.make(0, in: folder.appending(path: "none")) == data)
    }
  }

  @Test("each row keeps its label, its other modalities and its views; a view that some split lacks is left out")
  func rowsStayWhole() throws {
    try withData { data, folder in
      let before = try FeatureSet(at: data)
      var noisy: [[Float]: [Float]] = [:]
      for split in ["train", "validation", "test"] {
        let plain = try rows(before, split)
        let impaired = plain.map { $0.map { $0 * 2 + 1 } }
        for (row, view) in zip(plain, impaired) { noisy[row] = view }
        try SafeTensors.write(
          [("image", try Tensor(impaired.flatMap { $0 }, shape: [plain.count, SmallFeatureSet.width]))],
          to: data.appending(path: "\(split)@image-noisy.safetensors"))
      }
      try SmallFeatureSet.write("text-noisy", "text", try rows(before, "test", "text").flatMap { $0 }, to: data)
      try SmallFeatureSet.write("text-missing", "text", [1, 2, 3, 4], to: data)
      let set = try FeatureSet(at: data)
      let splits = try RepeatedSplits(set)
      let made = try splits.make(3, in: folder.appending(path: "three"))
      #expect(splits.leftOut == ["text-noisy"])
      let found = try FeatureSet(at: made)
      #expect(try found.conditions().contains("image-noisy") && !found.conditions().contains("text-noisy"))
      let view: [Float] = try found.test(under: "image-noisy").split.inputs["image"].array()
      #expect(try view == rows(found, "test").flatMap { noisy[$0] ?? [] })
      #expect(try found.missingFeatures("text").array() == [1, 2, 3, 4] as [Float])
      var known: [[Float]: (text: [Float], label: Int)] = [:]
      for (name, split) in [("train", set.train), ("validation", set.validation), ("test", set.test)] {
        for ((image, text), label) in zip(zip(try rows(set, name), try rows(set, name, "text")), try labels(split)) {
          known[image] = (text, label)
        }
      }
      for (name, split) in [("train", found.train), ("test", found.test)] {
        for ((image, text), label) in zip(zip(try rows(found, name), try rows(found, name, "text")), try labels(split))
        {
          #expect(known[image]?.text == text && known[image]?.label == label)
        }
      }
    }
  }

  @Test("copies of a row, and rows of one group, are never in two splits")
  func together() throws {
    try withData { data, folder in
      // The first four rows of a class are one row, and every row of some numbers belongs to a group.
      let set = try FeatureSet(at: data)
      var images = try rows(set, "train")
      var texts = try rows(set, "train", "text")
      for number in [3, 6, 9] { (images[number], texts[number]) = (images[0], texts[0]) }
      let shape = [images.count, SmallFeatureSet.width]
      try SafeTensors.write(
        [
          ("image", try Tensor(images.flatMap { $0 }, shape: shape)),
          ("text", try Tensor(texts.flatMap { $0 }, shape: shape)), ("labels", set.train.labels),
        ], to: data.appending(path: "train.safetensors"))
      for (split, count) in set.counts {
        let origins = (0..<count).map {
          SampleOrigin(id: "\(split)\($0)", label: [], group: $0 < 4 ? "g\($0 % 2)" : nil)
        }
        try SampleOrigin.write(origins, of: split, to: data)
      }
      let splits = try RepeatedSplits(FeatureSet(at: data))
      for number in 1...3 {
        let made = try splits.make(number, in: folder.appending(path: "split\(number)"))
        let found = try FeatureSet(at: made)
        var places: [String: Set<String>] = [:]
        for split in ["train", "validation", "test"] {
          for (row, origin) in zip(try rows(found, split), try #require(try found.origins(of: split))) {
            if row == images[0] { places["copy \(origin.group ?? "")", default: []].insert(split) }
            if let group = origin.group { places[group, default: []].insert(split) }
          }
        }
        #expect(places.count >= 3 && places.values.allSatisfy { $0.count == 1 }, "\(places)")
      }
    }
  }

  @Test("a comparison over splits is one answer with each split's own beside it, and is not done twice")
  func compared() throws {
    try withData { data, folder in
      var request = CompareRequest(
        data: data, methods: ["joint", "fulcrum"], seeds: 2, out: folder.appending(path: "c"))
      request.settings = ["training.epochs=2", "training.batch_size=16", "model.embedding_width=4"]
      let results = try Experiment.compare(request, splits: 3)
      #expect(results.splits?.count == 3 && results.splits?.seeds == 2)
      #expect(results.methods.map(\.runs.count) == [3, 3])
      for number in 1...3 {
        let own = try ComparisonResults(
          json: String(contentsOf: request.out.appending(path: "split-\(number)/results.json"), encoding: .utf8))
        #expect(own.method("joint")?.mean["full"] == results.method("joint")?.runs[number - 1].quantities["full"])
      }
      let record = request.out.appending(path: "split-2/joint/seed-0/run.json")
      let before = try String(contentsOf: record, encoding: .utf8)
      #expect(try Experiment.compare(request, splits: 3) == results)
      #expect(try String(contentsOf: record, encoding: .utf8) == before)
    }
  }

  @Test("a diagnosis over splits says what holds on all; a run, which has one split, is refused")
  func diagnosed() throws {
    try withData { data, folder in
      var request = DiagnoseRequest(subject: data, out: folder.appending(path: "d"))
      request.seeds = 1
      request.quick = true
      request.settings = ["training.epochs=2", "training.batch_size=16", "model.embedding_width=4"]
      let found = try Experiment.diagnose(request, splits: 2)
      let splits = try #require(found.splits)
      #expect(splits.leads.count == 2 && splits.adds.keys.sorted() == ["image", "text"])
      let second = try ModelDiagnosis.read(from: request.out.appending(path: "split-2"))
      #expect(
        abs(
          (splits.adds["text"]?.value ?? 9)
            - ((found.worth["text"]?.adds.value ?? 0) + (second.worth["text"]?.adds.value ?? 0)) / 2) < 1e-12)
      let run = DiagnoseRequest(
        subject: request.out.appending(path: "split-1/runs/joint/seed-0"), out: folder.appending(path: "r"))
      #expect(throws: Diagnosis.self) { try Experiment.diagnose(run, splits: 2) }
    }
  }
}
