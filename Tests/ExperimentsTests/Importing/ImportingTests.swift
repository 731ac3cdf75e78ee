import Datasets
import Experiments
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

/// Feature sets out of arrays that were made elsewhere.
@Suite struct ImportingTests {
  private static let views = ["pix9", "fourier4", "profile6", "zernike3", "karhunen5", "morph2"]

  private func run(_ request: ImportRequest) throws -> EncodeSummary {
    var request = request
    // Several imports of a test go to one folder.
    request.again = true
    return try Experiment.importFeatures(request) { _ in }
  }

  /// A request for a safetensors file of these arrays.
  private func request(_ tensors: [(String, Tensor)], in folder: URL) throws -> ImportRequest {
    let file = folder.appending(path: "arrays.safetensors")
    try SafeTensors.write(tensors, to: file)
    var request = ImportRequest(out: folder.appending(path: "out"))
    request.file = file
    return request
  }

  private func features(_ rows: Int, _ width: Int = 3, seed: UInt64 = 1) throws -> Tensor {
    try Tensor(numbers(rows * width, seed: seed).map { Float($0) }, shape: [rows, width])
  }

  /// A request for `image`, `text` and labels.
  private func request(labels: Tensor, split: [Int]? = nil, in folder: URL) throws -> ImportRequest {
    let rows = labels.shape[0]
    var tensors = [("image", try features(rows)), ("text", try features(rows, 2, seed: 2)), ("labels", labels)]
    if let split { tensors.append(("split", try Tensor(split))) }
    return try request(tensors, in: folder)
  }

  private func npy(_ type: String, _ shape: [Int], _ bytes: Data, to url: URL) throws {
    let extents = shape.map { "\($0)," }.joined(separator: " ")
    let header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(extents)), }\n"
    let length = UInt16(header.utf8.count)
    let start = Data([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)])
    try (start + Data(header.utf8) + bytes).write(to: url)
  }

  private func npy(_ values: [Float], _ shape: [Int], to url: URL) throws {
    try npy("<f4", shape, values.withUnsafeBytes { Data($0) }, to: url)
  }

  private func npy(_ texts: [String], to url: URL) throws {
    let width = texts.map(\.utf8.count).max() ?? 1
    let bytes = texts.map { Data($0.utf8) + Data(count: width - $0.utf8.count) }
    try npy("|S\(width)", [texts.count], bytes.reduce(Data(), +), to: url)
  }

  private func refusal(_ request: ImportRequest) -> Diagnosis? {
    do {
      _ = try run(request)
      return nil
    } catch { return Diagnosis(describing: error) }
  }

  // MARK: What comes out

  @Test("bytes of pictures stay bytes, for an encoder that is trained; other arrays of many dimensions are refused")
  func pixels() throws {
    try withTemporaryFolder { folder in
      let pixels = (0..<(6 * 3 * 4 * 5)).map { UInt8($0 % 251) }
      try npy("|u1", [6, 3, 4, 5], Data(pixels), to: folder.appending(path: "image.npy"))
      try npy((0..<12).map { Float($0 % 5) }, [6, 2], to: folder.appending(path: "text.npy"))
      try npy(["a", "b", "a", "b", "a", "b"], to: folder.appending(path: "labels.npy"))
      try npy(["train", "train", "train", "train", "test", "test"], to: folder.appending(path: "split.npy"))
      var request = ImportRequest(out: folder.appending(path: "out"))
      for name in ["image", "text", "labels", "split"] { request.parts[name] = folder.appending(path: "\(name).npy") }
      request.standardize = true
      let summary = try run(request)
      #expect(summary.forms == ["image": "5 × 4 pixels"] && summary.widths == ["image": 60, "text": 2])
      let set = try FeatureSet(at: request.out)
      #expect(set.forms[0] == .pixels(height: 4, width: 5))
      let test = try SafeTensors(reading: request.out.appending(path: "test.safetensors")).tensor("image")
      #expect(test.elementType == .uint8 && test.shape == [2, 3, 4, 5])
      #expect(try test.array(of: Int.self) == pixels[(4 * 60)...].map(Int.init))

      let (bytes, floats) = (try Tensor(pixels, shape: [6, 3, 4, 5]), try features(6 * 60, 1).reshaped([6, 3, 4, 5]))
      let labels = try Tensor([0, 1, 0, 1, 0, 1])
      func out(_ image: Tensor) throws -> ImportRequest {
        let text = try features(6)
        return try self.request([("image", image), ("text", text), ("labels", labels)], in: folder)
      }
      #expect(refusal(try out(floats))?.what.contains("are bytes (uint8) [N, 3, height, width]") == true)
      #expect(refusal(try out(bytes.reshaped([6, 4, 3, 5])))?.what.contains("has the shape [6, 4, 3, 5]") == true)
    }
  }

  @Test("a file of several views becomes a feature set without a validation split")
  func severalViews() throws {
    try withTemporaryFolder { folder in
      var request = ImportRequest(out: folder.appending(path: "digits"))
      let file = Conditions.golden("numpy/views.npz")
      request.file = file
      let summary = try run(request)
      #expect(summary.counts == ["train": 24, "test": 6])
      #expect(summary.widths == ["pix9": 9, "fourier4": 4, "profile6": 6, "zernike3": 3, "karhunen5": 5, "morph2": 2])
      #expect(
        summary.conditions == ["full"]
          + ["missing", "absent", "swapped"].flatMap { kind in Self.views.map { "\($0)-\(kind)" } })
      #expect(summary.notes.contains { $0.contains("no validation split and none was made up") })
      #expect(summary.notes.contains { $0.contains("zero features") })
      #expect(!summary.alreadyDone)

      let set = try FeatureSet(at: request.out)
      #expect(set.manifest.name == "digits")
      #expect(set.manifest.modalities == Self.views)
      #expect(set.manifest.classes == ["0", "1", "2"])
      #expect(set.manifest.task == .singleLabel)
      #expect(set.manifest.metric == .accuracy)
      #expect(set.validation == nil)

      // Rows keep their order: of ten rows of a class, eight are for training, then two for testing.
      let numpy = try NumPyFile(at: file)
      let rows = (0..<30).filter { $0 % 10 >= 8 }
      for name in Self.views {
        let truth = try numpy.array(name)
        let width = truth.shape[1]
        let values = try truth.floats()
        let expected = rows.flatMap { values[$0 * width..<($0 + 1) * width] }
        #expect(try set.test?.inputs[Modality(name)].array() == expected, "\(name)")
      }
      #expect(try set.test?.labels.array() == [0, 0, 1, 1, 2, 2])
      #expect(try set.test(under: "pix9-missing").zeroFeatures)
    }
  }

  @Test("modalities can be chosen, ordered and named")
  func chosen() throws {
    try withTemporaryFolder { folder in
      var request = ImportRequest(out: folder.appending(path: "two"))
      request.file = Conditions.golden("numpy/views.npz")
      request.modalities = [("moments", "zernike3"), ("profile", "profile6")]
      request.name = "digits"
      request.metric = "macro_f1"
      #expect(try run(request).widths == ["moments": 3, "profile": 6])
      let manifest = try FeatureSet(at: request.out).manifest
      #expect(manifest.modalities == ["moments", "profile"])
      #expect(manifest.name == "digits")
      #expect(manifest.metric == .macroF1)
    }
  }

  @Test("arrays may lie in files of their own, and a list of numbers is one column")
  func parts() throws {
    try withTemporaryFolder { folder in
      var request = ImportRequest(out: folder.appending(path: "out"))
      for name in ["image", "text", "labels", "split"] { request.parts[name] = folder.appending(path: "\(name).npy") }
      try npy([1, 2, 3, 4, 5, 6, 7, 8], [4, 2], to: folder.appending(path: "image.npy"))
      try npy([9, 10, 11, 12], [4], to: folder.appending(path: "text.npy"))
      try npy(["owl", "cat", "owl", "cat"], to: folder.appending(path: "labels.npy"))
      try npy(["train", "Training", "dev", "testing"], to: folder.appending(path: "split.npy"))
      let summary = try run(request)
      #expect(summary.counts == ["train": 2, "validation": 1, "test": 1])
      #expect(summary.widths == ["image": 2, "text": 1])
      let set = try FeatureSet(at: request.out)
      #expect(set.manifest.classes == ["cat", "owl"])
      #expect(try set.train.labels.array() == [1, 0])
      #expect(try set.validation?.inputs[Modality("text")].array() == [Float(11)])
      #expect(try set.test?.inputs[Modality("image")].array() == [Float(7), 8])
    }
  }

  // MARK: Labels

  @Test("labels that are texts take the order that is given")
  func orderedClasses() throws {
    try withTemporaryFolder { folder in
      var request = ImportRequest(out: folder.appending(path: "out"))
      for name in ["image", "text", "labels", "split"] { request.parts[name] = folder.appending(path: "\(name).npy") }
      try npy([1, 2, 3, 4], [4], to: folder.appending(path: "image.npy"))
      try npy([5, 6, 7, 8], [4], to: folder.appending(path: "text.npy"))
      try npy(["yes", "no", "yes", "no"], to: folder.appending(path: "labels.npy"))
      try npy(["train", "train", "test", "test"], to: folder.appending(path: "split.npy"))
      request.classes = ["yes", "no"]
      request.metric = "auroc"
      _ = try run(request)
      let set = try FeatureSet(at: request.out)
      #expect(set.manifest.classes == ["yes", "no"])
      #expect(set.manifest.task == .binary)
      #expect(try set.train.labels.array() == [0, 1])

      request.classes = ["yes", "maybe"]
      let error = refusal(request)
      #expect(error?.what == "the 2 classes named do not fit the labels")
      #expect(error?.found == ["'labels' also holds 'no'"])
    }
  }

  @Test("whole numbers with gaps become the names of the classes")
  func gaps() throws {
    try withTemporaryFolder { folder in
      let labels = try Tensor([7, -1, 7, 10, -1, 10])
      let request = try request(labels: labels, split: [0, 0, 2, 0, 2, 2], in: folder)
      let summary = try run(request)
      #expect(summary.notes.contains { $0.contains("-1, 7, 10") })
      let set = try FeatureSet(at: request.out)
      #expect(set.manifest.classes == ["-1", "7", "10"])
      #expect(try set.train.labels.array() == [1, 0, 2])
      #expect(try set.test?.labels.array() == [1, 0, 2])
    }
  }

  @Test("labels that are real numbers must be whole", arguments: [true, false])
  func realLabels(areWhole: Bool) throws {
    try withTemporaryFolder { folder in
      let labels = try Tensor([0, 1, 0, areWhole ? 1 : 0.5] as [Float], shape: [4, 1])
      let error = refusal(try request(labels: labels, split: [0, 0, 2, 2], in: folder))
      #expect(
        error?.what
          == (areWhole ? nil : "labels are classes, 'labels' is not a whole number in 1 row (counted from 0): 3"))
    }
  }

  @Test("given classes name the numbers, and must be enough")
  func namedNumbers() throws {
    try withTemporaryFolder { folder in
      var request = try request(labels: try Tensor([2, 0, 1, 0]), split: [0, 0, 0, 2], in: folder)
      request.classes = ["ant", "bee", "cow"]
      _ = try run(request)
      #expect(try FeatureSet(at: request.out).manifest.classes == ["ant", "bee", "cow"])
      #expect(try FeatureSet(at: request.out).train.labels.array() == [2, 0, 1])
      request.classes = ["ant", "bee"]
      #expect(refusal(request)?.found == ["'labels' holds 0, 1, 2, expected 0 to 1"])
      request.classes = ["ant", "bee", "ant"]
      #expect(refusal(request)?.what == "a class is named twice")
    }
  }

  @Test("a table of 0 and 1 is a multi-label task")
  func multiLabel() throws {
    try withTemporaryFolder { folder in
      let labels = try Tensor([1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1] as [UInt8], shape: [4, 3])
      var request = try request(labels: labels, split: [0, 0, 0, 0], in: folder)
      request.classes = ["drama", "comedy", "war"]
      let summary = try run(request)
      #expect(summary.counts == ["train": 4])
      #expect(summary.notes.contains("there is no test split: nothing can be scored"))
      let set = try FeatureSet(at: request.out)
      #expect(set.manifest.task == .multiLabel)
      #expect(set.manifest.metric == .macroF1)
      #expect(set.train.labels.elementType == .uint8)
      #expect(try set.train.labels.array() == [1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1])
      request.classes = ["drama"]
      #expect(refusal(request)?.what == "1 classes are named, 'labels' has 3 columns")
      request.classes = []
      request.task = "single-label"
      #expect(refusal(request)?.what.contains("exactly one 1 a row") == true)
    }
  }

  @Test("exactly one 1 in every row is a single label, unless said otherwise")
  func oneHot() throws {
    try withTemporaryFolder { folder in
      let labels = try Tensor([0, 0, 1, 1, 0, 0, 0, 1, 0] as [Float], shape: [3, 3])
      var request = try request(labels: labels, split: [0, 0, 0], in: folder)
      #expect(try run(request).notes.contains { $0.contains("exactly one 1") })
      #expect(try FeatureSet(at: request.out).train.labels.array() == [2, 0, 1])
      request.task = "MultiLabel"
      _ = try run(request)
      #expect(try FeatureSet(at: request.out).manifest.task == .multiLabel)
    }
  }

  @Test("a table of other numbers is no labels")
  func scores() throws {
    try withTemporaryFolder { folder in
      let labels = try Tensor([0, 1, 0.3, 0.7, 1, 0] as [Float], shape: [3, 2])
      let error = refusal(try request(labels: labels, in: folder))
      #expect(error?.what == "labels of shape [N, C] are 0 or 1, 'labels' has others in 1 row (counted from 0): 1")
    }
  }

  @Test("tasks and metrics that do not fit are refused")
  func tasks() throws {
    try withTemporaryFolder { folder in
      var request = try request(labels: try Tensor([0, 1, 2, 0]), split: [0, 0, 0, 2], in: folder)
      request.task = "binary"
      #expect(refusal(request)?.what == "the task binary needs two classes, there are 3")
      request.task = "multi-label"
      #expect(refusal(request)?.what.hasPrefix("the task multi-label needs labels of shape [N, C]") == true)
      request.task = "ranking"
      #expect(refusal(request)?.what == "'ranking' is not one of single-label, binary, multi-label, regression")
      request.task = nil
      request.metric = "auroc"
      #expect(refusal(request)?.what == "AUROC needs two classes, there are 3")
      request.metric = "f1"
      #expect(refusal(request)?.exitStatus == .usage)
    }
  }

  @Test("one class is nothing to tell apart")
  func oneClass() throws {
    try withTemporaryFolder { folder in
      let error = refusal(try request(labels: try Tensor([0, 0, 0]), in: folder))
      #expect(error?.what == "every row has the label '0'")
    }
  }

  // MARK: Splits

  @Test("where no split is given, one is drawn: 70, 10 and 20 % of every class")
  func drawn() throws {
    try withTemporaryFolder { folder in
      let labels = (0..<200).map { $0 % 10 == 0 ? 1 : 0 }
      var request = try request(labels: try Tensor(labels), in: folder)
      let summary = try run(request)
      #expect(summary.counts == ["train": 140, "validation": 20, "test": 40])
      #expect(summary.notes.contains { $0.contains("70 %") && $0.contains("seed 0") })
      let set = try FeatureSet(at: request.out)
      let rare = try [set.train, set.validation, set.test].map { try $0?.labels.to(.float64).sum().scalar() ?? 0 }
      #expect(abs(rare[0] - 14) <= 1)
      #expect(abs(rare[1] - 2) <= 1)
      #expect(abs(rare[2] - 4) <= 1)

      func bytes(_ out: String, seed: Int) throws -> Data {
        request.out = folder.appending(path: out)
        request.seed = seed
        _ = try run(request)
        return try Data(contentsOf: request.out.appending(path: "train.safetensors"))
      }
      let first = try bytes("first", seed: 0)
      #expect(try bytes("second", seed: 0) == first)
      #expect(try bytes("other", seed: 1) != first)
    }
  }

  @Test("every label of a drawn split is in training", arguments: 0..<5)
  func drawnLabels(seed: Int) throws {
    try withTemporaryFolder { folder in
      // Each of ten labels has two rows, and every row has the common label as well.
      let table: [UInt8] = (0..<20).flatMap { row in (0..<11).map { $0 == 10 || $0 == row / 2 ? 1 : 0 } }
      var request = try request(labels: try Tensor(table, shape: [20, 11]), in: folder)
      request.seed = seed
      _ = try run(request)
      let counts: [Double] = try FeatureSet(at: request.out).train.labels.to(.float64).sum(0).array()
      #expect(counts.allSatisfy { $0 >= 1 })
    }
  }

  @Test("a split is refused with the rows that are wrong")
  func wrongSplits() throws {
    try withTemporaryFolder { folder in
      let labels = try Tensor([0, 1, 0, 1])
      let number = refusal(try request(labels: labels, split: [0, 3, 2, 3], in: folder))
      #expect(number?.what == "the split 'split' holds '3' and the like in 2 rows (counted from 0): 1, 3")
      let short = refusal(try request(labels: labels, split: [0, 0, 2], in: folder))
      #expect(short?.what == "the split 'split' has 3 rows, the labels have 4")
      let empty = refusal(try request(labels: labels, split: [1, 1, 2, 2], in: folder))
      #expect(empty?.what == "the split 'split' has no training rows")
    }
  }

  @Test("a class that training never sees is refused")
  func unseen() throws {
    try withTemporaryFolder { folder in
      let error = refusal(try request(labels: try Tensor([0, 1, 2, 2]), split: [0, 0, 2, 2], in: folder))
      #expect(error?.what == "class '2' has 2 rows in test and none in train")
    }
  }

  // MARK: Arrays

  @Test("the usual names of labels are tried, and what else is called so is left out")
  func labelNames() throws {
    try withTemporaryFolder { folder in
      let labels = try Tensor([0, 1, 0, 1])
      let request = try request(
        [("image", try features(4)), ("text", try features(4)), ("label", labels), ("y", labels)], in: folder)
      let summary = try run(request)
      #expect(summary.widths.keys.sorted() == ["image", "text"])
      #expect(summary.notes.contains { $0.hasPrefix("array 'y' is left out") })
    }
  }

  @Test("absent labels and arrays are answered with what is there")
  func absent() throws {
    try withTemporaryFolder { folder in
      var request = try request([("image", try features(4)), ("target", try Tensor([0, 1, 0, 1]))], in: folder)
      #expect(refusal(request)?.what == "there are no labels")
      request.labels = "targets"
      let error = refusal(request)
      #expect(error?.found == ["arrays: 'image', 'target'"])
      #expect(error?.remedy == "did you mean 'target'?")
      request.labels = "target"
      request.modalities = [("image", "img")]
      #expect(refusal(request)?.what == "there is no array 'img'")
    }
  }

  @Test("everything wrong with the arrays is told at once")
  func faults() throws {
    try withTemporaryFolder { folder in
      let hole = try Tensor([1, 2, .nan, 4, 5, .infinity] as [Float], shape: [3, 2])
      let request = try request(
        [
          ("labels", try Tensor([0, 1, 0])), ("audio", try features(5, 4)), ("image", hole),
          ("turned", try features(2, 3)), ("video", try Tensor.zeros([3, 2, 2, 2])),
        ], in: folder)
      let error = refusal(request)
      #expect(error?.what == "3 things are wrong with the arrays")
      #expect(
        error?.found.sorted() == [
          "array 'audio' has 5 rows, 'labels' has 3",
          "array 'turned' has 2 rows, 'labels' has 3: transpose it",
          "array 'video' has the shape [3, 2, 2, 2], features are [N, D], [N] or [N, T, D]: flatten or encode it first; "
            + "pictures for an encoder that is trained are bytes (uint8) [N, 3, height, width]",
        ])
      #expect(!FileManager.default.fileExists(atPath: request.out.path))
    }
  }

  @Test("names that cannot be modalities are refused", arguments: ["a.b", "a/b", "fusion", "labels", ""])
  func reserved(name: String) throws {
    try withTemporaryFolder { folder in
      var request = try request(labels: try Tensor([0, 1, 0, 1]), in: folder)
      request.modalities = [(name, "image"), ("text", "text")]
      #expect(refusal(request)?.what == "'\(name)' cannot be a modality's name")
    }
  }

  @Test("labels are no features, and a name stands for one modality")
  func leaks() throws {
    try withTemporaryFolder { folder in
      var request = try request(labels: try Tensor([0, 1, 0, 1]), in: folder)
      request.modalities = [("image", "image"), ("text", "labels")]
      #expect(refusal(request)?.what == "array 'labels' holds the labels, not features")
      request.modalities = [("image", "image"), ("image", "text")]
      #expect(refusal(request)?.what == "modality 'image' is named twice")
    }
  }

  @Test("an array of Python objects is left out, and stops an import only where it is asked for")
  func objects() throws {
    try withTemporaryFolder { folder in
      var request = ImportRequest(out: folder.appending(path: "out"))
      request.file = Conditions.golden("numpy/partly-objects.npz")
      let summary = try run(request)
      #expect(summary.widths == ["image": 2, "text": 2])
      #expect(summary.notes.contains("array 'ids' is left out: it holds Python objects (a pickle), which are not read"))
      request.ids = "ids"
      #expect(refusal(request)?.what == "array 'ids' holds Python objects (a pickle), which are not read")
    }
  }

  // MARK: Folders

  @Test("the same import is done once, and another one takes its place where that is asked for")
  func again() throws {
    try withTemporaryFolder { folder in
      var request = try request(labels: try Tensor([0, 1, 0, 1]), split: [0, 0, 2, 2], in: folder)
      // Left by an import that was cut short.
      let partial = folder.appending(path: "out.partial")
      try FileManager.default.createDirectory(at: partial, withIntermediateDirectories: true)
      try Data("half".utf8).write(to: partial.appending(path: "validation.safetensors"))
      func run(again: Bool = false) throws -> EncodeSummary {
        request.again = again
        return try Experiment.importFeatures(request)
      }
      let first = try run()
      let second = try run()
      #expect(!first.alreadyDone)
      #expect(first.counts == ["train": 2, "test": 2])
      #expect(second.alreadyDone)
      #expect(second.counts == first.counts)
      #expect(second.notes == first.notes)
      request.classes = ["no", "yes"]
      let refusal = try #require(throws: Diagnosis.self) { try run() }
      #expect(refusal.what == "the folder holds another import")
      #expect(refusal.remedy == "choose another --out, or --again to replace it")
      #expect(try FeatureSet(at: request.out).manifest.classes == ["0", "1"])
      #expect(try run(again: true).notes.contains { $0.contains("replaced") })
      #expect(try FeatureSet(at: request.out).manifest.classes == ["no", "yes"])
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["arrays.safetensors", "out"])
    }
  }

  @Test("an import that fails leaves the earlier one as it was")
  func failing() throws {
    try withTemporaryFolder { folder in
      let good = try request(labels: try Tensor([0, 1, 0, 1]), split: [0, 0, 2, 2], in: folder)
      _ = try run(good)
      let bad = try request(labels: try Tensor([0, 1, 2, 2]), split: [0, 0, 2, 2], in: folder)
      #expect(refusal(bad) != nil)
      #expect(try FeatureSet(at: good.out).counts == ["train": 2, "test": 2])
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "out.partial").path))
    }
  }

  @Test("a folder with anything else in it is refused")
  func occupied() throws {
    try withTemporaryFolder { folder in
      let request = try request(labels: try Tensor([0, 1, 0, 1]), split: [0, 0, 2, 2], in: folder)
      try FileManager.default.createDirectory(at: request.out, withIntermediateDirectories: true)
      let thesis = request.out.appending(path: "thesis.tex")
      try Data("mine".utf8).write(to: thesis)
      let error = refusal(request)
      #expect(error?.what == "the folder is not empty, and no feature set")
      #expect(error?.exitStatus == .usage)
      try FileManager.default.removeItem(at: thesis)
      _ = try run(request)
      try Data("mine".utf8).write(to: request.out.appending(path: "test@image-noisy.safetensors"))
      var other = request
      other.seed = 1
      #expect(refusal(other)?.what == "the folder holds more than an earlier import")
    }
  }

  @Test("features that were made otherwise are not replaced")
  func foreign() throws {
    try withTemporaryFolder { folder in
      let request = try request(labels: try Tensor([0, 1, 0, 1]), split: [0, 0, 2, 2], in: folder)
      try FileManager.default.createDirectory(at: request.out, withIntermediateDirectories: true)
      try DatasetManifest(
        name: "mine", task: .singleLabel, classes: ["a", "b"], modalities: ["image"], metric: .accuracy
      ).write(to: request.out)
      #expect(refusal(request)?.what == "the folder holds features that were made otherwise")
    }
  }

  @Test("no file, an absent file and a file of another kind are told apart")
  func files() throws {
    try withTemporaryFolder { folder in
      var request = ImportRequest(out: folder.appending(path: "out"))
      #expect(refusal(request)?.what == "no file to import is named")
      request.file = folder.appending(path: "none.npz")
      #expect(refusal(request)?.what == "no such file or folder")
      let table = folder.appending(path: "table.csv")
      try Data("a,b\n1,2\n".utf8).write(to: table)
      request.file = table
      #expect(refusal(request)?.what == "a table of numbers holds one array, and does not say which")
      let other = folder.appending(path: "notes.md")
      try Data("a,b".utf8).write(to: other)
      request.file = other
      #expect(refusal(request)?.what == "the file is neither .npy nor .npz")
    }
  }
}
