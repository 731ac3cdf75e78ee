import Datasets
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@Suite("Parts and views of feature sets")
struct FeatureSetPartsTests {
  /// Two modalities of three and two columns: rows that say where they are from.
  private func withSet(_ body: (URL, FeatureSet) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try DatasetManifest(
        name: "parts", task: .singleLabel, classes: ["a", "b"], modalities: ["text", "text-long"], metric: .accuracy
      ).write(to: folder)
      for (split, count, first) in [("train", 6, 0), ("validation", 4, 100), ("test", 4, 200)] {
        try write(split, ["text": rows(count, 3, first), "text-long": rows(count, 2, first + 50)], count, folder)
      }
      try write("test@text-noisy", ["text": rows(4, 3, 1200)], nil, folder)
      try write("test@text-long-missing", ["text-long": rows(1, 2, 7)], nil, folder)
      try body(folder, FeatureSet(at: folder))
    }
  }

  private func rows(_ count: Int, _ width: Int, _ first: Int) throws -> Tensor {
    try Tensor((0..<(count * width)).map { Float(first) + Float($0) }, shape: [count, width])
  }

  private func write(_ name: String, _ tensors: [String: Tensor], _ labels: Int?, _ folder: URL) throws {
    let truth = try labels.map { [("labels", try Tensor((0..<$0).map { $0 % 2 }))] } ?? []
    try SafeTensors.write(
      tensors.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } + truth,
      to: folder.appending(path: "\(name).safetensors"))
  }

  private func views(_ folder: URL) throws {
    try write("train@text-noisy", ["text": rows(6, 3, 1000)], nil, folder)
    try write("validation@text-noisy", ["text": rows(4, 3, 1100)], nil, folder)
  }

  private func values(_ split: FeatureSplit?, _ modality: String) throws -> [Float] {
    try #require(split).inputs[Modality(modality)].array()
  }

  @Test("a part has the modalities that are named, in the set's order, and their conditions alone")
  func restricted() throws {
    try withSet { _, set in
      let part = try set.restricted(to: ["text"])
      #expect(part.manifest.modalities == ["text"] && part.leftOut == ["text-long"] && !part.isWhole)
      #expect(part.widths == [3] && part.counts == set.counts)
      // `text-long-missing` is no condition of `text`.
      #expect(try part.conditions() == ["full", "text-missing", "text-noisy"])
      #expect(try values(part.train, "text") == values(set.train, "text"))
      #expect(try part.train.batch([.init(2)]).inputs.modalities == [Modality("text")])
      #expect(try part.restricted(to: ["text"]) === part)
      #expect(try set.restricted(to: ["text-long", "text"]) === set)
      #expect(try set.restricted(to: []) === set)
    }
  }

  @Test("under a view every split has the view's rows for its modality, and the others as they are")
  func seen() throws {
    try withSet { folder, set in
      try views(folder)
      let seen = try set.seen(under: "text-noisy")
      for (split, plain, first) in [
        (seen.train as FeatureSplit?, set.train as FeatureSplit?, 1000), (seen.validation, set.validation, 1100),
        (seen.test, set.test, 1200),
      ] {
        let found = try values(split, "text")
        #expect(found == found.indices.map { Float(first + $0) })
        #expect(try values(split, "text-long") == values(plain, "text-long"))
        #expect(try #require(split).labels.array(of: Int.self) == #require(plain).labels.array(of: Int.self))
      }
      #expect(seen.view == "text-noisy" && seen.viewFiles.map(\.lastPathComponent).count == 2)
      #expect(
        try seen.test(under: "full").split.inputs[Modality("text")].array(of: Float.self) == values(seen.test, "text"))
      #expect(try seen.seen(under: "text-noisy") === seen)
      #expect(set.trainingViews == ["text-noisy"] && set.hasViews("text-noisy") && !set.hasViews("text-long-noisy"))
      // Streamed from the disk, the view's rows come and not the plain ones.
      let batch = try seen.train.streamed().batch([.init(1), .init(4)])
      #expect(try batch.inputs[Modality("text")].array(of: Float.self) == [1003, 1004, 1005, 1012, 1013, 1014])
      let part = try seen.restricted(to: ["text"])
      #expect(part.view == "text-noisy" && part.leftOut == ["text-long"])
    }
  }

  @Test("what is not there is refused in a sentence, with what there is")
  func refused() throws {
    try withSet { folder, set in
      let unknown = #expect(throws: Diagnosis.self) { try set.restricted(to: ["txt"]) }
      #expect(unknown?.what == "there is no modality 'txt' to train on" && unknown?.remedy == "did you mean 'text'?")
      let twice = #expect(throws: Diagnosis.self) { try set.restricted(to: ["text", "text"]) }
      #expect(twice?.what == "a modality is named twice")
      let none = #expect(throws: Diagnosis.self) { try set.seen(under: "text-noisy") }
      #expect(none?.what == "there is no view 'text-noisy' of the training split")
      #expect(none?.found == ["there are no views of the training split"])
      try views(folder)
      let other = #expect(throws: Diagnosis.self) { try set.seen(under: "text-noise") }
      #expect(other?.remedy == "did you mean 'text-noisy'?" && other?.exitStatus == .usage)
      let odd = #expect(throws: Diagnosis.self) { try set.seen(under: "noisy") }
      #expect(odd?.what == "there is no view 'noisy'")
      let left = #expect(throws: Diagnosis.self) { try set.seen(under: "text-noisy").restricted(to: ["text-long"]) }
      #expect(left?.what == "the view 'text-noisy' is of 'text', which is left out")
      try write("train@text-noisy", ["text": rows(5, 3, 1000)], nil, folder)
      let short = #expect(throws: FeatureSetError.self) { try set.seen(under: "text-noisy") }
      #expect(short?.faults == ["train@text-noisy.safetensors: 'text' has the shape [5, 3], expected [6, 3] or [1, 3]"])
    }
  }
}
