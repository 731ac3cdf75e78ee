import Datasets
import Experiments
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

/// What of a file of arrays is taken for what, and which rows are left out.
@Suite struct ImportingRowsTests {
  /// A request for a safetensors file of these arrays.
  private func request(_ tensors: [(String, Tensor)], in folder: URL) throws -> ImportRequest {
    let file = folder.appending(path: "arrays.safetensors")
    try SafeTensors.write(tensors, to: file)
    var request = ImportRequest(out: folder.appending(path: "out"))
    request.file = file
    request.again = true
    return request
  }

  private func features(_ shape: Int..., seed: UInt64 = 1) throws -> Tensor {
    try Tensor(numbers(shape.reduce(1, *), seed: seed).map { Float($0) }, shape: shape)
  }

  private func labels(_ rows: Int, classes: Int = 2) throws -> Tensor { try Tensor((0..<rows).map { $0 % classes }) }

  private func refusal(_ request: ImportRequest) -> Diagnosis? {
    do {
      _ = try Experiment.importFeatures(request)
      return nil
    } catch { return Diagnosis(describing: error) }
  }

  private func quarantine(_ request: ImportRequest) throws -> [Quarantined] {
    try JSONLines.read(Quarantined.self, from: request.out.appending(path: "quarantine.jsonl"))
  }

  // MARK: What is what

  @Test("ids, index, mask and length are no modalities, and a note says so")
  func furniture() throws {
    try withTemporaryFolder { folder in
      let numbers = try Tensor((0..<12).map { $0 + 100 })
      var request = try request(
        [
          ("image", try features(12, 3)), ("text", try features(12, 2, seed: 2)), ("labels", try labels(12)),
          ("ids", numbers), ("index", numbers), ("mask", try features(12, 4)), ("text_lengths", numbers),
          ("is_new", try Tensor((0..<12).map { Float($0) }).greater(than: 5)), ("year", numbers),
        ], in: folder)
      let summary = try Experiment.importFeatures(request)
      #expect(summary.widths == ["image": 3, "text": 2])
      for name in ["index", "mask", "text_lengths", "is_new", "year"] {
        #expect(summary.notes.contains { $0.hasPrefix("array '\(name)' is left out") && $0.contains("--modalities") })
      }
      let set = try FeatureSet(at: request.out)
      let origins = try ["train", "validation", "test"].flatMap { try set.origins(of: $0) ?? [] }
      #expect(Set(origins.map(\.id)) == Set((100..<112).map(String.init)))
      // Whoever names them takes them.
      request.modalities = [("image", "image"), ("year", "year"), ("mask", "mask")]
      #expect(try Experiment.importFeatures(request).widths == ["image": 3, "year": 1, "mask": 4])
    }
  }

  @Test("groups stay together where a split is drawn, and are kept")
  func groups() throws {
    try withTemporaryFolder { folder in
      let groups = (0..<60).map { $0 / 4 }
      let request = try request(
        [
          ("image", try features(60, 3)), ("text", try features(60, 2)), ("labels", try labels(60, classes: 3)),
          ("group", try Tensor(groups)),
        ], in: folder)
      let summary = try Experiment.importFeatures(request)
      #expect(summary.widths == ["image": 3, "text": 2])
      #expect(summary.counts.values.reduce(0, +) == 60 && summary.counts.count == 3)
      let set = try FeatureSet(at: request.out)
      var split: [String: String] = [:]
      for name in ["train", "validation", "test"] {
        for origin in try #require(try set.origins(of: name)) {
          let group = try #require(origin.group)
          #expect(split[group] ?? name == name)
          split[group] = name
        }
      }
      #expect(split.count == 15)
    }
  }

  @Test("sequences are pooled over their steps, and steps of one are no sequences", arguments: ImportPooling.allCases)
  func pooling(_ pooling: ImportPooling) throws {
    try withTemporaryFolder { folder in
      let rows: [Float] = [1, 2, 5, 0, 3, 4] + [Float](repeating: 1, count: 18)
      var request = try request(
        [
          ("video", try Tensor(rows, shape: [4, 3, 2])), ("text", try features(4, 1, 5)),
          ("pooled", try features(4, 6, 1, 1)), ("labels", try labels(4)), ("split", try Tensor([0, 0, 2, 2])),
        ], in: folder)
      request.pooling = pooling
      let summary = try Experiment.importFeatures(request)
      #expect(summary.widths == ["video": 2, "text": 5, "pooled": 6])
      #expect(
        summary.notes.contains { $0.hasPrefix("array 'video' has a sequence a row") && !$0.contains("--pooling") })
      let first = try FeatureSet(at: request.out).train.inputs[Modality("video")].array(of: Float.self).prefix(2)
      let expected: [ImportPooling: [Float]] = [.mean: [3, 2], .last: [3, 4], .max: [5, 4]]
      #expect(Array(first) == expected[pooling])
      request.pooling = nil
      #expect(
        try Experiment.importFeatures(request).notes.contains { $0.contains("--pooling mean, last or max chooses") })
    }
  }

  @Test(
    "arrays that are named by split are put together",
    arguments: [
      ["x_train", "x_test", "y_train", "y_test"], ["X_train", "X_test", "y_train", "y_test"],
      ["train_x", "test_x", "train_y", "test_y"], ["train/x", "test/x", "train/labels", "test/labels"],
      ["Xtrain", "Xtest", "Ytrain", "Ytest"], ["x-training", "x-dev", "label-training", "label-dev"],
    ])
  func splits(names: [String]) throws {
    try withTemporaryFolder { folder in
      let request = try request(
        [
          (names[0], try features(6, 3)), (names[1], try features(4, 3, seed: 2)), (names[2], try labels(6)),
          (names[3], try labels(4)),
        ], in: folder)
      let summary = try Experiment.importFeatures(request)
      let second = names[1].contains("dev") ? "validation" : "test"
      #expect(summary.counts == ["train": 6, second: 4])
      #expect(summary.notes.contains { $0.hasPrefix("the arrays are named by split") })
      let set = try FeatureSet(at: request.out)
      let name = try #require(set.manifest.modalities.first)
      #expect(name.lowercased() == "x")
      let test = try SafeTensors(reading: request.out.appending(path: "\(second).safetensors")).tensor(name)
      #expect(try test.array(of: Float.self) == features(4, 3, seed: 2).array())
    }
  }

  @Test("arrays by split that do not fit together are refused")
  func unfittingSplits() throws {
    try withTemporaryFolder { folder in
      let request = try request(
        [
          ("x_train", try features(5, 3)), ("x_test", try features(5, 3)), ("y_train", try labels(6)),
          ("y_test", try labels(4)),
        ], in: folder)
      #expect(refusal(request)?.what == "array 'x' has [5, 5] rows in the splits, 'y' has [6, 4]")
      let other = try self.request(
        [
          ("x_train", try features(6, 3)), ("x_test", try features(4, 2)), ("y_train", try labels(6)),
          ("y_test", try labels(4)),
        ], in: folder)
      #expect(refusal(other)?.what == "the arrays of the splits of 'x' do not fit together")
    }
  }

  // MARK: Rows

  @Test("a row that cannot be used is left out, listed and counted; strict refuses instead")
  func quarantined() throws {
    try withTemporaryFolder { folder in
      var numbers = values(180)
      (numbers[3 * 7], numbers[3 * 20 + 2]) = (.nan, -.infinity)
      var request = try request(
        [
          ("image", try Tensor(numbers, shape: [60, 3])), ("text", try features(60, 2)), ("labels", try labels(60)),
          ("id", try Tensor((0..<60).map { $0 + 1000 })),
        ], in: folder)
      let summary = try Experiment.importFeatures(request)
      #expect(summary.quarantined == 2)
      #expect(summary.counts.values.reduce(0, +) == 58)
      let rows = try quarantine(request)
      #expect(rows.map(\.row) == [7, 20] && rows.map(\.id) == ["1007", "1020"])
      #expect(rows[0].reason == "modality 'image' is not finite (NaN or infinite in float32)")
      #expect(rows[0].place == "arrays.safetensors:7")
      request.again = false
      #expect(try Experiment.importFeatures(request).quarantined == 2)
      request.again = true
      request.strict = true
      #expect(refusal(request)?.what == "2 rows cannot be used")
    }
  }

  private func values(_ count: Int) -> [Float] { numbers(count, seed: 4).map { Float($0) } }

  @Test("a label that is NaN is none")
  func missingLabels() throws {
    try withTemporaryFolder { folder in
      let classes = (0..<40).map { $0 == 5 ? Float.nan : Float($0 % 2) }
      let request = try request(
        [("image", try features(40, 3)), ("text", try features(40, 2)), ("labels", try Tensor(classes, shape: [40]))],
        in: folder)
      #expect(try Experiment.importFeatures(request).quarantined == 1)
      #expect(try quarantine(request).map(\.reason) == ["has no label"])
      #expect(try FeatureSet(at: request.out).manifest.classes == ["0", "1"])
    }
  }

  @Test("more than 5 % of the rows, or a class, is too much to lose unasked")
  func losses() throws {
    try withTemporaryFolder { folder in
      var numbers = values(180)
      for row in 0..<4 { numbers[3 * row] = .nan }
      var request = try request(
        [("image", try Tensor(numbers, shape: [60, 3])), ("text", try features(60, 2)), ("labels", try labels(60))],
        in: folder)
      let error = try #require(refusal(request))
      #expect(error.what == "too much of the data would be lost: 4 of 60 rows (7 %)")
      #expect(error.found.first?.hasPrefix("arrays.safetensors:0: modality 'image'") == true)
      #expect(error.remedy?.contains("--allow-loss") == true)
      #expect(!FileManager.default.fileExists(atPath: request.out.path))
      request.allowLoss = true
      #expect(try Experiment.importFeatures(request).quarantined == 4)

      let classes = (0..<60).map { $0 == 9 ? 2 : $0 % 2 }
      var hole = values(180)
      hole[27] = .infinity
      let other = try self.request(
        [
          ("image", try Tensor(hole, shape: [60, 3])), ("text", try features(60, 2)), ("labels", try Tensor(classes)),
        ], in: folder)
      #expect(refusal(other)?.what == "too much of the data would be lost: all of the class '2'")
    }
  }

  @Test("where no row can be used nothing is made")
  func nothing() throws {
    try withTemporaryFolder { folder in
      var request = try request(
        [
          ("image", try Tensor([Float](repeating: .nan, count: 12), shape: [4, 3])), ("labels", try labels(4)),
        ], in: folder)
      request.allowLoss = true
      #expect(refusal(request)?.what == "not one of 4 rows can be used")
    }
  }

  // MARK: Tables of numbers

  @Test("features as text have a line of names or none, commas or spaces, and an empty cell is missing")
  func tables() throws {
    try withTemporaryFolder { folder in
      var request = ImportRequest(out: folder.appending(path: "out"))
      func write(_ name: String, _ text: String) throws {
        request.parts[name] = folder.appending(path: "\(name).csv")
        try Data(text.utf8).write(to: folder.appending(path: "\(name).csv"))
      }
      let rows = 0..<24
      try write("image", rows.map { "\($0),\($0 * 2).5,1e-1" }.joined(separator: "\n") + "\n")
      try write("text", "f0;f1\r\n" + rows.map { $0 == 3 ? ";2" : "\($0);-\($0)" }.joined(separator: "\r\n"))
      try write("audio", rows.map { "\($0).0e+00 \($0).25" }.joined(separator: "\n"))
      try write("labels", "label\n" + rows.map { $0 % 2 == 0 ? "cat" : "\"a, dog\"" }.joined(separator: "\n"))
      try write("ids", rows.map { "9007199254740993\($0)" }.joined(separator: "\n"))
      request.ids = "ids"
      request.modalities = ["image", "text", "audio"].map { ($0, $0) }
      let summary = try Experiment.importFeatures(request)
      #expect(summary.widths == ["image": 3, "text": 2, "audio": 2])
      #expect(summary.quarantined == 1 && summary.counts.values.reduce(0, +) == 23)
      #expect(summary.notes.contains("'text.csv': the first line holds names, not numbers"))
      #expect(try quarantine(request).map(\.id) == ["90071992547409933"])
      let set = try FeatureSet(at: request.out)
      #expect(set.manifest.classes == ["a, dog", "cat"])
      #expect(try set.train.inputs[Modality("image")].array(of: Float.self).prefix(3).last == 0.1)
    }
  }

  @Test("rows of different lengths are refused with the line")
  func ragged() throws {
    try withTemporaryFolder { folder in
      var request = ImportRequest(out: folder.appending(path: "out"))
      for (name, text) in [("image", "1,2\n3,4\n5\n"), ("labels", "0\n1\n0\n")] {
        request.parts[name] = folder.appending(path: "\(name).csv")
        try Data(text.utf8).write(to: folder.appending(path: "\(name).csv"))
      }
      #expect(refusal(request)?.what == "line 3 has 1 columns, the first row has 2")
    }
  }

  // MARK: What is no array

  @Test(
    "a pickle is told by what is in it or by its name, and never read",
    arguments: [
      (
        "a.pt", [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19] as [UInt8],
        "is a PyTorch file"
      ),
      ("a.pkl", [0x80, 0x04, 0x95], "holds Python objects (a pickle)"),
      ("a.npz", [0x80, 0x04, 0x95], "holds Python objects"),
      ("a.pkl", Array("(dp0\nS'x'\n".utf8), "holds Python objects"), ("a.pth", [1, 2, 3], "is a PyTorch file"),
      ("a.pickle", [1, 2, 3], "holds Python objects"),
    ])
  func pickles(name: String, bytes: [UInt8], words: String) throws {
    try withTemporaryFolder { folder in
      var request = ImportRequest(out: folder.appending(path: "out"))
      request.file = folder.appending(path: name)
      try Data(bytes).write(to: folder.appending(path: name))
      #expect(refusal(request)?.what.contains(words) == true, "\(refusal(request)?.what ?? "")")
      #expect(refusal(request)?.exitStatus == .input)
    }
  }

  @Test(
    "a file that Git LFS has not fetched is told as such, whatever it would be",
    arguments: ["npz", "npy", "safetensors", "csv"])
  func pointers(ending: String) throws {
    try withTemporaryFolder { folder in
      let text = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
      var request = ImportRequest(out: folder.appending(path: "out"))
      let file = folder.appending(path: "a.\(ending)")
      try Data(text.utf8).write(to: file)
      if ending == "csv" { request.parts = ["image": file, "labels": file] } else { request.file = file }
      #expect(refusal(request)?.what == "the file is a Git LFS pointer; git lfs pull fetches the file itself")
    }
  }
}
