import Datasets
import Foundation
import Multimodal
public import Records
import Torch

/// The rows of a feature set divided anew into training, validation and test.
///
/// Every split keeps its size and, of each class, its number of rows, as far as groups admit. Rows of one group, and rows
/// whose features are equal, stay together. Who goes where depends on the number of the split and on nothing else.
enum RepeatedSplits {
  /// Divides a set into a folder, or finds it there.
  ///
  /// - Parameter number: from 1; 0 is the set as it is.
  /// - Returns: the folder, and what could not be divided: views that not every split has.
  static func make(_ number: Int, of set: FeatureSet, in folder: URL) throws -> (folder: URL, leftOut: [String]) {
    guard number > 0 else { return (set.folder, []) }
    let all = try set.files() + ["train", "validation", "test"].flatMap { try set.viewFiles(of: $0) }
    var digests: [String: String] = [:]
    for file in all { digests[file.lastPathComponent] = try FileDigest.sha256(of: file) }
    let key = "split \(number)\n" + digests.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
    let mark = folder.appending(path: "made-of")
    let pool = try Pool(set)
    if (try? String(contentsOf: mark, encoding: .utf8)) == key { return (folder, pool.leftOut) }
    let files = FileManager.default
    try Diagnosis.placing(folder) {
      if files.fileExists(atPath: folder.path) { try files.removeItem(at: folder) }
      try files.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    try pool.write(pool.divided(number), to: folder)
    try AtomicFile.write(Data(key.utf8), to: mark)
    return (folder, pool.leftOut)
  }

  /// All rows of a set, in the order training, validation, test.
  private struct Pool {
    let set: FeatureSet
    let splits: [(name: String, split: FeatureSplit)]
    /// By the end of a file's name, `image-noisy`: the modality's rows under a condition; one row is everybody's.
    private var views: [(name: String, modality: Modality, rows: Tensor, ofSplits: [String])] = []
    private(set) var leftOut: [String] = []

    init(_ set: FeatureSet) throws {
      self.set = set
      splits =
        [("train", set.train)]
        + [("validation", set.validation), ("test", set.test)].compactMap { name, split in
          split.map { (name, $0) }
        }
      let names = splits.map(\.name)
      var found: [String: [String: URL]] = [:]
      for split in names {
        let files =
          try FileManager.default.contentsOfDirectory(at: set.folder, includingPropertiesForKeys: nil)
          .filter { $0.lastPathComponent.hasPrefix("\(split)@") && $0.pathExtension == "safetensors" }
        for file in files {
          found[String(file.deletingPathExtension().lastPathComponent.dropFirst(split.count + 1)), default: [:]][
            split] =
            file
        }
      }
      for (name, files) in found.sorted(by: { $0.key < $1.key }) {
        guard let word = Condition(name, modalities: set.manifest.modalities).modality else { continue }
        let modality = Modality(word)
        let tensors = try files.mapValues { try SafeTensors(reading: $0).tensor(word) }
        if let row = tensors["test"] ?? tensors.values.first, tensors.values.allSatisfy({ $0.shape[0] == 1 }) {
          views.append((name, modality, row, files.keys.sorted()))
        } else if names.allSatisfy({ tensors[$0] != nil }) {
          let parts = try splits.compactMap { split in
            try tensors[split.name]?.expanded(to: split.split.count)
          }
          views.append((name, modality, try .cat(parts, 0), files.keys.sorted()))
        } else {
          leftOut.append(name)
        }
      }
    }

    var count: Int { splits.reduce(0) { $0 + $1.split.count } }

    /// The rows of each split, ascending.
    func divided(_ number: Int) throws -> [(name: String, rows: [Int])] {
      let labels = try Tensor.cat(splits.map { try $0.split.labels.to(.int64) }, 0)
      let isSingle = set.manifest.task != .multiLabel
      let classes: [Int] = try isSingle ? labels.array() : [Int](repeating: 0, count: count)
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

    /// Rows that stay together.
    private func groups() throws -> [[Int]] {
      var keys = [String](repeating: "", count: count)
      for modality in set.modalities {
        let rows = try Tensor.cat(splits.map { try $0.split.inputs[modality].expanded(to: $0.split.count) }, 0)
          .reshaped([count, -1]).to(.float32)
        for row in 0..<count {
          let values: [Float] = try rows.selected(0, row).array()
          keys[row] += FileDigest.sha256(of: values.map { String($0.bitPattern, radix: 36) }.joined(separator: " "))
        }
      }
      if let origins = try origins() {
        for (row, origin) in origins.enumerated() { if let group = origin.group { keys[row] = "group \(group)" } }
      }
      var places: [String: Int] = [:]
      var groups: [[Int]] = []
      for (row, key) in keys.enumerated() {
        if let place = places[key] {
          groups[place].append(row)
        } else {
          places[key] = groups.count
          groups.append([row])
        }
      }
      return groups
    }

    private func origins() throws -> [SampleOrigin]? {
      let parts = try splits.compactMap { try set.origins(of: $0.name) }
      return parts.count == splits.count ? parts.flatMap { $0 } : nil
    }

    func write(_ parts: [(name: String, rows: [Int])], to folder: URL) throws {
      let labels = try Tensor.cat(splits.map(\.split.labels), 0)
      let origins = try origins()
      for (name, rows) in parts {
        let index = try Tensor(rows)
        var tensors = try set.modalities.map { modality in
          (
            modality.name,
            try Tensor.cat(splits.map { try $0.split.inputs[modality].expanded(to: $0.split.count) }, 0)
              .indexed(0, by: index)
          )
        }
        tensors.append(("labels", try labels.indexed(0, by: index)))
        try SafeTensors.write(tensors, to: folder.appending(path: "\(name).safetensors"))
        for view in views where view.ofSplits.contains(name) {
          let own = try view.rows.shape[0] == 1 && count != 1 ? view.rows : view.rows.indexed(0, by: index)
          try SafeTensors.write(
            [(view.modality.name, own)], to: folder.appending(path: "\(name)@\(view.name).safetensors"))
        }
        if let origins { try SampleOrigin.write(rows.map { origins[$0] }, of: name, to: folder) }
      }
      try set.manifest.write(to: folder)
      guard !set.encoderFiles.isEmpty else { return }
      let encoders = folder.appending(path: "encoders")
      try Diagnosis.placing(encoders) {
        try FileManager.default.createDirectory(at: encoders, withIntermediateDirectories: true)
        for file in set.encoderFiles.values {
          let target = encoders.appending(path: file.lastPathComponent)
          do { try FileManager.default.linkItem(at: file, to: target) } catch {
            try FileManager.default.copyItem(at: file, to: target)
          }
        }
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
  /// From how many rows on one split tells enough.
  static let fewRows = 2_000

  /// The same work on the data as it is and on other splits of its rows, in folders `split-1`, `split-2`, ….
  static func onSplits<Answer>(
    _ count: Int, of data: URL, in out: URL, events: @escaping EventSink, _ work: (URL, URL) throws -> Answer
  ) throws -> (answers: [Answer], notes: [String]) {
    let set = try FeatureSet(at: data)
    guard set.test != nil else {
      throw Diagnosis(
        "the data set has no test split", place: data.relativePath,
        remedy: "add test.safetensors: nothing can be scored without it", exitStatus: .input)
    }
    var answers: [Answer] = []
    var notes: [String] = []
    for number in 0..<count {
      events(.phase("Split", "\(number + 1) of \(count)" + (number == 0 ? ", as the data has it" : "")))
      let folder = out.appending(path: "split-\(number + 1)")
      let (features, leftOut) = try RepeatedSplits.make(number, of: set, in: folder.appending(path: "features"))
      if number == 1, !leftOut.isEmpty {
        notes.append(
          "not divided, since not every split has it: \(leftOut.joined(separator: ", ")) (seesaw encode --views)")
      }
      answers.append(try work(features, folder))
    }
    return (answers, notes)
  }

  /// A comparison on several splits of the same rows, as one: `results.json` in `out`, and each split's own in `split-N`.
  ///
  /// - Parameter splits: how many; 1 is the data as it is, without folders of splits.
  public static func compare(
    _ request: CompareRequest, splits: Int, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
  ) throws -> ComparisonResults {
    guard splits > 1 else { return try compare(request, stop: stop, events: events) }
    let (answers, notes) = try onSplits(splits, of: request.data, in: request.out, events: events) { data, out in
      var part = request
      (part.data, part.out) = (data, out)
      return try compare(part, stop: stop, events: events)
    }
    let set = try FeatureSet(at: request.data)
    let share = Double(set.test?.count ?? 0) / Double(set.train.count)
    guard
      var results = ComparisonResults(splits: answers, testShare: share, modalities: set.manifest.modalities)
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
    let (answers, notes) = try onSplits(splits, of: request.subject, in: request.out, events: events) { data, out in
      var part = request
      (part.subject, part.out) = (data, out)
      let answer = try diagnose(part, stop: stop, events: events)
      try answer.write(to: out)
      return answer
    }
    let set = try FeatureSet(at: request.subject)
    var diagnosis = answers[0]
    diagnosis.splits = SplitVerdicts(
      answers, testShare: Double(set.test?.count ?? 0) / Double(set.train.count))
    diagnosis.notes += notes
    return diagnosis
  }
}
