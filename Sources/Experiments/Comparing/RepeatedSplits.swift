import Datasets
import Foundation
import Multimodal
public import Records
import Torch

/// The rows of a feature set divided anew into training, validation and test.
///
/// Every split keeps its size and, of each class, its number of rows, as far as groups admit. Rows of one group, and rows
/// whose features are equal, stay together. Who goes where depends on the number of the split and on nothing else.
struct RepeatedSplits {
  private let set: FeatureSet
  /// Of the files that it is made of.
  private let key: String
  private let pool: Pool

  init(_ set: FeatureSet) throws {
    self.set = set
    let all = try set.files() + ["train", "validation", "test"].flatMap { try set.viewFiles(of: $0) }
    var digests: [String: String] = [:]
    for file in all { digests[file.lastPathComponent] = try FileDigest.sha256(of: file) }
    key = DerivedFeatures.key(digests)
    pool = try Pool(set)
  }

  /// Views that cannot be divided, since not every split has them.
  var leftOut: [String] { pool.leftOut }

  /// The features of a split: divided into a folder, or found there.
  ///
  /// - Parameter number: from 1; 0 is the set as it is.
  func make(_ number: Int, in folder: URL) throws -> URL {
    guard number > 0 else { return set.folder }
    try DerivedFeatures.make(in: folder, of: "split \(number)\n" + key) {
      try pool.write(pool.divided(number), to: folder)
    }
    return folder
  }

  /// All rows of a set, in the order training, validation, test.
  private struct Pool {
    private let set: FeatureSet
    private let splits: [(name: String, split: FeatureSplit)]
    private let inputs: PerModality<Tensor>
    private let labels: Tensor
    private let origins: [SampleOrigin]?
    /// By the end of a file's name, `image-noisy`: the modality's rows under a condition; one row is everybody's.
    private let views: [(name: String, modality: Modality, rows: Tensor, ofSplits: [String])]
    let leftOut: [String]

    init(_ set: FeatureSet) throws {
      self.set = set
      let splits =
        [("train", set.train)]
        + [("validation", set.validation), ("test", set.test)].compactMap {
          name, split in split.map { (name, $0) }
        }
      self.splits = splits
      inputs = try PerModality(set.modalities) { modality in
        try Tensor.cat(splits.map { try $0.1.rows[modality].tensor().expanded(to: $0.1.count) }, 0)
      }
      labels = try Tensor.cat(splits.map(\.1.labels), 0)
      let parts = try splits.compactMap { try set.origins(of: $0.0) }
      origins = parts.count == splits.count ? parts.flatMap { $0 } : nil
      var found: [String: [String: URL]] = [:]
      let files = try FileManager.default.contentsOfDirectory(at: set.folder, includingPropertiesForKeys: nil)
      for (split, _) in splits {
        for file in files where file.pathExtension == "safetensors" && file.lastPathComponent.hasPrefix("\(split)@") {
          let name = String(file.deletingPathExtension().lastPathComponent.dropFirst(split.count + 1))
          found[name, default: [:]][split] = file
        }
      }
      var (views, leftOut): ([(String, Modality, Tensor, [String])], [String]) = ([], [])
      for (name, files) in found.sorted(by: { $0.key < $1.key }) {
        guard let word = Condition(name, modalities: set.manifest.modalities).modality else { continue }
        let tensors = try files.mapValues { try FeatureFile(reading: $0).tensor(word) }
        if let row = tensors["test"] ?? tensors.values.first, tensors.values.allSatisfy({ $0.shape[0] == 1 }) {
          views.append((name, Modality(word), row, files.keys.sorted()))
        } else if splits.allSatisfy({ tensors[$0.0] != nil }) {
          let parts = try splits.compactMap { try tensors[$0.0]?.expanded(to: $0.1.count) }
          views.append((name, Modality(word), try .cat(parts, 0), files.keys.sorted()))
        } else {
          leftOut.append(name)
        }
      }
      (self.views, self.leftOut) = (views, leftOut)
    }

    private var count: Int { labels.shape[0] }

    /// The rows of each split, ascending.
    func divided(_ number: Int) throws -> [(name: String, rows: [Int])] {
      let classes: [Int] =
        try set.manifest.task == .multiLabel || !set.manifest.task.hasClasses
        ? [Int](repeating: 0, count: count) : labels.to(.int64).array()
      var wanted = splits.map { _ in [Int: Int]() }
      var start = 0
      for (place, split) in splits.enumerated() {
        for row in start..<(start + split.split.count) { wanted[place][classes[row], default: 0] += 1 }
        start += split.split.count
      }
      var strata: [Int: [[Int]]] = [:]
      for group in try groups() { strata[classes[group[0]], default: []].append(group) }
      var rows = splits.map { _ in [Int]() }
      for (label, groups) in strata.sorted(by: { $0.key < $1.key }) {
        var numbers = SeededNumbers(seed: UInt64(number), stream: "split/\(label)")
        var rest = wanted.map { $0[label] ?? 0 }
        // Test and validation are filled first: what is over is trained on.
        let order = Array(splits.indices.dropFirst().reversed()) + [0]
        for group in numbers.sample(groups.count, of: groups.count).map({ groups[$0] }) {
          let place = order.first { rest[$0] >= group.count } ?? 0
          rows[place] += group
          rest[place] -= group.count
        }
      }
      return zip(splits, rows).map { ($0.name, $1.sorted()) }
    }

    /// What rows that stay together have in common.
    private enum Tie: Hashable {
      case group(String)
      case features([UInt32])
    }

    /// Rows that stay together.
    private func groups() throws -> [[Int]] {
      let features = try Tensor.cat(inputs.values.map { try $0.reshaped([count, -1]).to(.float32) }, 1)
      var places: [Tie: Int] = [:]
      var groups: [[Int]] = []
      for row in 0..<count {
        let values: [Float] = try features.selected(0, row).array()
        let tie = origins?[row].group.map(Tie.group) ?? .features(values.map(\.bitPattern))
        if let place = places[tie] {
          groups[place].append(row)
        } else {
          places[tie] = groups.count
          groups.append([row])
        }
      }
      return groups
    }

    func write(_ parts: [(name: String, rows: [Int])], to folder: URL) throws {
      for (name, rows) in parts {
        let index = try Tensor(rows)
        try SafeTensors.write(
          inputs.map { ($0.0.name, try $0.1.indexed(0, by: index)) } + [("labels", try labels.indexed(0, by: index))],
          to: folder.appending(path: "\(name).safetensors"))
        for view in views where view.ofSplits.contains(name) {
          let own = try view.rows.shape[0] == 1 && count != 1 ? view.rows : view.rows.indexed(0, by: index)
          try SafeTensors.write(
            [(view.modality.name, own)], to: folder.appending(path: "\(name)@\(view.name).safetensors"))
        }
        if let origins { try SampleOrigin.write(rows.map { origins[$0] }, of: name, to: folder) }
      }
      var manifest = set.manifest
      manifest.format = DatasetManifest.format
      try manifest.write(to: folder)
      if !set.encoderFiles.isEmpty {
        try DerivedFeatures.link(set.encoderFiles.values, into: folder.appending(path: "encoders"))
      }
    }
  }
}

extension Tensor {
  /// One row as so many.
  fileprivate func expanded(to count: Int) throws -> Tensor {
    shape[0] == 1 && count != 1 ? try expanded([count] + shape.dropFirst()) : self
  }
}

extension Experiment {
  /// The same work on the data as it is and on other splits of its rows, in folders `split-1`, `split-2`, ….
  static func onSplits<Answer>(
    _ count: Int, of data: URL, in out: URL, events: @escaping EventSink, _ work: (URL, URL) throws -> Answer
  ) throws -> (answers: [Answer], testShare: Double, notes: [String]) {
    let set = try FeatureSet(at: data)
    guard let test = set.test else {
      throw Diagnosis(
        "the data set has no test split", place: data.relativePath,
        remedy: "add test.safetensors: nothing can be scored without it", exitStatus: .input)
    }
    let splits = try RepeatedSplits(set)
    var answers: [Answer] = []
    for number in 0..<count {
      events(.phase("Split", "\(number + 1) of \(count)" + (number == 0 ? ", as the data has it" : "")))
      let folder = out.appending(path: "split-\(number + 1)")
      answers.append(try work(splits.make(number, in: folder.appending(path: "features")), folder))
    }
    let left = splits.leftOut.joined(separator: ", ")
    return (
      answers, testShare: Double(test.count) / Double(set.train.count),
      notes: left.isEmpty ? [] : ["not divided, since not every split has it: \(left) (seesaw encode --views)"]
    )
  }

  /// A comparison on several splits of the same rows, as one: `results.json` in `out`, and each split's own in `split-N`.
  ///
  /// - Parameter splits: how many; 1 is the data as it is, without folders of splits.
  public static func compare(
    _ request: CompareRequest, splits: Int, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
  ) throws -> ComparisonResults {
    guard splits > 1 else { return try compare(request, stop: stop, events: events) }
    let (answers, share, notes) = try onSplits(splits, of: request.data, in: request.out, events: events) { data, out in
      var part = request
      (part.data, part.out) = (data, out)
      return try compare(part, stop: stop, events: events)
    }
    let modalities = try DatasetManifest.read(in: request.data).modalities
    guard var results = ComparisonResults(splits: answers, testShare: share, modalities: modalities)
    else { throw Diagnosis("no split was compared", exitStatus: .defect) }
    results.notes += notes
    try AtomicFile.write(Data((results.json() + "\n").utf8), to: request.out.appending(path: "results.json"))
    return results
  }

  /// A diagnosis that is repeated on other splits of the same rows; each split's own is in `split-N`.
  ///
  /// - Parameter splits: how many; 1 is the data as it is, without folders of splits.
  public static func diagnose(
    _ request: DiagnoseRequest, splits: Int, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
  ) throws -> ModelDiagnosis {
    guard splits > 1 else { return try diagnose(request, stop: stop, events: events) }
    guard !RunFolder(request.subject).exists else {
      throw Diagnosis(
        "a run was trained on one split", place: request.subject.relativePath,
        remedy: "leave --splits out, or diagnose its data", exitStatus: .usage)
    }
    let (answers, share, notes) = try onSplits(splits, of: request.subject, in: request.out, events: events) {
      data, out in
      var part = request
      (part.subject, part.out) = (data, out)
      let answer = try diagnose(part, stop: stop, events: events)
      try answer.write(to: out)
      return answer
    }
    var diagnosis = answers[0]
    diagnosis.splits = SplitVerdicts(answers, testShare: share)
    diagnosis.notes += notes
    return diagnosis
  }
}
