import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Datasets

@Suite("The guard, on features")
struct FeatureGuardTests {
  static let width = 24

  /// Rows of image and text that have nothing to do with each other, until a test changes them.
  struct Rows {
    struct Split {
      var image: [[Float]]
      var text: [[Float]]
      var labels: [Int]
    }

    var splits: [String: Split] = [:]

    init(_ counts: [String: Int] = ["train": 60, "validation": 20, "test": 40]) {
      for (name, count) in counts {
        func rows(_ modality: String) -> [[Float]] {
          (0..<count).map { row in
            var numbers = SeededNumbers(seed: 3, stream: "\(name)/\(modality)/\(row)")
            return (0..<FeatureGuardTests.width).map { _ in Float(numbers.normal()) + 2 }
          }
        }
        splits[name] = Split(image: rows("image"), text: rows("text"), labels: (0..<count).map { $0 % 2 })
      }
    }

    func image(_ split: String, _ row: Int) -> [Float] { splits[split]?.image[row] ?? [] }
    func text(_ split: String, _ row: Int) -> [Float] { splits[split]?.text[row] ?? [] }

    mutating func put(_ values: [Float], as modality: WritableKeyPath<Split, [[Float]]>, _ split: String, _ row: Int) {
      splits[split]?[keyPath: modality][row] = values
    }

    func write(to folder: URL) throws {
      try DatasetManifest(
        name: "made", task: .singleLabel, classes: ["red", "blue"], modalities: ["image", "text"], metric: .accuracy
      ).write(to: folder)
      for (name, split) in splits {
        let shape = [split.labels.count, FeatureGuardTests.width]
        try SafeTensors.write(
          [
            ("image", try Tensor(split.image.flatMap { $0 }, shape: shape)),
            ("text", try Tensor(split.text.flatMap { $0 }, shape: shape)), ("labels", try Tensor(split.labels)),
          ], to: folder.appending(path: "\(name).safetensors"))
      }
    }
  }

  private func findings(_ rows: Rows, _ settings: GuardSettings = .init()) throws -> DataFindings {
    try withTemporaryFolder { folder in
      try rows.write(to: folder)
      return try DataAudit.findings(GuardedSamples(FeatureSet(at: folder), settings), settings)
    }
  }

  private func only(_ kind: DataFindings.Kind, _ findings: DataFindings) throws -> DataFindings.Finding {
    let found = findings.findings.filter { $0.kind == kind }
    #expect(found.count == 1, "\(findings.findings.map(\.kind))")
    return try #require(found.first)
  }

  @Test("on clean data nothing is found but that the test split is small")
  func clean() throws {
    let findings = try findings(Rows())
    #expect(findings.findings.map(\.kind) == [.smallTest])
    #expect(findings.counts == ["train": 60, "validation": 20, "test": 40])
    #expect(findings.labels["test"] == ["red": 20, "blue": 20])
    #expect(findings.missing["image"] == ["train": 0, "validation": 0, "test": 0])
    #expect(!findings.isGrave)
  }

  @Test("a test sample that training has, too, is grave, and both rows are named")
  func copyAcrossSplits() throws {
    var rows = Rows()
    for (row, trained) in [(7, 3), (11, 5)] {
      rows.put(rows.image("train", trained), as: \.image, "test", row)
      rows.put(rows.text("train", trained), as: \.text, "test", row)
    }
    let found = try findings(rows)
    let finding = try only(.identicalAcrossSplits, found)
    #expect(found.isGrave && finding.severity == .grave && finding.count == 2)
    #expect(finding.what == "2 test samples are copies of some in an earlier split, image and text alike")
    #expect(finding.detail == "test row 7 is train row 3; test row 11 is train row 5")
    #expect(
      finding.cases.first?.samples == [
        .init(split: "train", row: 3, labels: ["blue"]), .init(split: "test", row: 7, labels: ["blue"]),
      ])
    // It is told once.
    #expect(!found.findings.contains { [.sharedModality, .nearAcrossSplits, .nearModality].contains($0.kind) })
  }

  @Test("where few rows could be compared before a training, none is, which is said; copies are found all the same")
  func nothingCompared() throws {
    var rows = Rows()
    rows.put(rows.image("train", 3), as: \.image, "test", 7)
    rows.put(rows.text("train", 3), as: \.text, "test", 7)
    rows.put(rows.image("train", 5).map { $0 * 1.001 }, as: \.image, "test", 9)
    rows.put(rows.text("train", 5).map { $0 * 1.001 }, as: \.text, "test", 9)
    var settings = GuardSettings()
    #expect(try findings(rows, settings).findings.contains { $0.kind == .nearAcrossSplits })
    settings.work = 1000
    settings.fewestCompared = 64
    let found = try findings(rows, settings)
    #expect(try only(.identicalAcrossSplits, found).count == 1)
    #expect(!found.findings.contains { $0.kind == .nearAcrossSplits })
    #expect(found.looked.contains { $0.hasSuffix("since that would take long; 'seesaw check' does") })
  }

  @Test("minus zero is zero")
  func minusZero() throws {
    var rows = Rows()
    rows.splits["train"]?.image[0][4] = 0
    rows.put(rows.image("train", 0), as: \.image, "test", 1)
    rows.splits["test"]?.image[1][4] = -0.0
    rows.put(rows.text("train", 0), as: \.text, "test", 1)
    #expect(try only(.identicalAcrossSplits, findings(rows)).count == 1)
  }

  @Test("a copy within the test split counts twice, one within training is a remark")
  func copyWithinSplit() throws {
    var rows = Rows()
    rows.put(rows.image("train", 1), as: \.image, "train", 9)
    rows.put(rows.text("train", 1), as: \.text, "train", 9)
    #expect(try only(.identicalWithinSplit, findings(rows)).severity == .remark)
    rows.put(rows.image("test", 1), as: \.image, "test", 9)
    rows.put(rows.text("test", 1), as: \.text, "test", 9)
    let finding = try only(.identicalWithinSplit, findings(rows))
    #expect(finding.severity == .warning && finding.count == 2)
  }

  @Test("copies with different labels are told with both labels")
  func conflicting() throws {
    var rows = Rows()
    rows.put(rows.image("train", 1), as: \.image, "train", 2)
    rows.put(rows.text("train", 1), as: \.text, "train", 2)
    let finding = try only(.conflictingLabels, findings(rows))
    #expect(finding.detail == "train row 1 is 'blue', train row 2 is 'red'")
  }

  @Test("one modality that training has, too, is told with its share and how often the label agrees")
  func sharedModality() throws {
    var rows = Rows()
    rows.put(rows.text("train", 8), as: \.text, "test", 4)
    rows.put(rows.text("train", 8), as: \.text, "test", 5)
    let finding = try only(.sharedModality, findings(rows))
    #expect(finding.modality == "text" && finding.count == 2 && finding.severity == .warning)
    #expect(abs((finding.numbers["share"] ?? 0) - 2.0 / 60) < 1e-12)
    #expect(finding.numbers["sameLabel"] == 0.5)
  }

  @Test("a slightly changed copy is nearly the same, and how alike it is is told")
  func near() throws {
    var rows = Rows()
    func blurred(_ row: [Float], _ amount: Float) -> [Float] {
      row.enumerated().map { $1 + ($0 % 2 == 0 ? amount : -amount) }
    }
    rows.put(blurred(rows.image("train", 10), 0.05), as: \.image, "test", 6)
    rows.put(blurred(rows.text("train", 10), 0.05), as: \.text, "test", 6)
    rows.put(blurred(rows.text("train", 20), 0.05), as: \.text, "validation", 3)
    let found = try findings(rows)
    let whole = try only(.nearAcrossSplits, found)
    #expect(whole.count == 1 && whole.detail == "test row 6 and train row 10")
    let similarity = try #require(whole.cases[0].similarity)
    #expect(similarity >= 0.99 && similarity < 1)
    let alone = try only(.nearModality, found)
    #expect(alone.modality == "text" && alone.detail == "validation row 3 and train row 20")
    // A stricter threshold lets them pass.
    var strict = GuardSettings()
    strict.nearFeatures = 0.99999
    #expect(!(try findings(rows, strict)).findings.contains { [.nearAcrossSplits, .nearModality].contains($0.kind) })
  }

  @Test("where there is too much to compare a drawn sample is, always the same, and that is said")
  func sampled() throws {
    var settings = GuardSettings()
    settings.work = 60 * 20 * 50
    let rows = Rows()
    let found = try findings(rows, settings)
    #expect(found.looked.contains { $0.contains("a drawn sample of ") && $0.contains(" of 60 held-out samples") })
    #expect(found.looked == (try findings(rows, settings)).looked)
  }

  @Test("features of few directions tell nothing alone")
  func fewDirections() throws {
    var rows = Rows()
    for name in ["train", "validation", "test"] {
      // All on one line: everything is near something.
      let count = rows.splits[name]?.labels.count ?? 0
      rows.splits[name]?.text = (0..<count).map { row in
        var numbers = SeededNumbers(seed: 5, stream: "\(name)/\(row)")
        let place = Float(numbers.normal())
        return (0..<Self.width).map { Float($0) * place + 1 }
      }
    }
    let found = try findings(rows)
    #expect(!found.findings.contains { $0.kind == .nearModality })
    #expect(found.looked.contains { $0.contains("they say nothing, as they vary in few directions") })
  }

  @Test("rows of zeros, of one value and of an empty input are missing, by split")
  func missing() throws {
    try withTemporaryFolder { folder in
      var rows = Rows()
      rows.splits["train"]?.text[0] = [Float](repeating: 0, count: Self.width)
      rows.splits["train"]?.text[1] = [Float](repeating: 0.5, count: Self.width)
      let empty = (0..<Self.width).map { Float($0) }
      rows.splits["test"]?.text[2] = empty
      try rows.write(to: folder)
      try SafeTensors.write(
        [("text", try Tensor(empty, shape: [1, Self.width]))],
        to: folder.appending(path: "test@text-missing.safetensors"))
      let found = try DataAudit.findings(GuardedSamples(FeatureSet(at: folder), .init()), .init())
      let finding = try only(.missingModality, found)
      #expect(finding.count == 3 && finding.modality == "text" && finding.severity == .remark)
      #expect(finding.detail == "train row 0; train row 1; test row 2")
      #expect(found.missing["text"]?["test"] == 1.0 / 40)
    }
  }

  @Test("a gap that tells the class is told")
  func missingByClass() throws {
    var rows = Rows(["train": 100, "validation": 20, "test": 40])
    for row in 0..<100 where row % 2 == 0 && row < 80 {
      rows.splits["train"]?.image[row] = [Float](repeating: 0, count: Self.width)
    }
    let finding = try only(.missingByClass, findings(rows))
    #expect(finding.detail?.hasPrefix("it is missing in 80 % of 'red' and in 25 % of all (chi-square ") == true)
  }

  @Test("splits with other shares of the classes, and a class that a split lacks")
  func labels() throws {
    var rows = Rows(["train": 100, "validation": 20, "test": 100])
    rows.splits["test"]?.labels = (0..<100).map { $0 < 90 ? 0 : 1 }
    rows.splits["validation"]?.labels = [Int](repeating: 0, count: 20)
    let found = try findings(rows)
    let drift = try only(.labelDrift, found)
    #expect(drift.severity == .warning && drift.detail == "'red' is 50 % of train, 100 % of validation, 90 % of test")
    #expect(drift.numbers["degreesOfFreedom"] == 2 && (drift.numbers["p"] ?? 1) < 1e-9)
    #expect(try only(.classMissingInSplit, found).detail == "'blue'")
  }

  @Test("no validation split means that nothing is selected, and never on the test split")
  func noValidation() throws {
    let found = try findings(Rows(["train": 40, "test": 20]))
    #expect(try only(.noValidation, found).what.contains("nothing can be selected"))
    #expect(found.looked.contains { $0.hasPrefix("nothing is ever selected on the test split") })
  }

  @Test("what was found can be written and read")
  func codable() throws {
    var rows = Rows()
    rows.put(rows.text("train", 8), as: \.text, "test", 4)
    let found = try findings(rows)
    #expect(try Tree(json: found.json()).decode(DataFindings.self, keys: .asNamed) == found)
  }
}
