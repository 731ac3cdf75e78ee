import Datasets
import Evaluation
import Foundation
import Multimodal
import Records
import Torch

/// A feature set whose validation split is a part of another's training split, for data that has none.
///
/// The test split and its conditions are the same files. Which samples are held out depends on the labels and on nothing
/// else, so that the same data gives the same split.
enum HeldOutData {
  /// Of each class, or of all samples where these have several labels, or a number.
  static let share = 0.15

  /// Makes the set in a folder, or finds it there.
  ///
  /// - Parameter loaded: the data without a validation split.
  static func make(of loaded: LoadedData, in folder: URL) throws -> LoadedData {
    // Runs take their part of it themselves.
    let loaded = loaded.set.isWhole ? loaded : try LoadedData(at: loaded.set.folder)
    let set = loaded.set
    // Whatever there is of the training split besides its clean features is divided as they are.
    let besides = try (set.files() + set.viewFiles(of: "train")).filter { $0.lastPathComponent.hasPrefix("train@") }
    var digests = loaded.digests
    for file in besides { digests[file.lastPathComponent] = try FileDigest.sha256(of: file) }
    try DerivedFeatures.make(in: folder, of: DerivedFeatures.key(digests)) {
      try DerivedFeatures.link(set.files().filter { !$0.lastPathComponent.hasPrefix("train") }, into: folder)
      try DerivedFeatures.linkRows(of: set.folder, into: folder)
      let held = try heldOut(set)
      let isHeld = Set(held)
      let kept = (0..<set.train.count).filter { !isHeld.contains($0) }
      for (name, rows) in [("train", kept), ("validation", held)] {
        let index = try Tensor(rows)
        try SafeTensors.write(
          set.train.rows.map { ($0.0.name, try $0.1.indexed(rows, index)) }
            + [("labels", try set.train.labels.indexed(0, by: index))],
          to: folder.appending(path: "\(name).safetensors"))
        for file in besides {
          let stored = try FeatureFile(reading: file)
          let tensors = try stored.names.map { name in
            let features = try stored.rows(name)
            return (
              name, features.shape[0] == set.train.count ? try features.indexed(rows, index) : try features.tensor()
            )
          }
          let stem = file.lastPathComponent.dropFirst("train".count)
          try SafeTensors.write(tensors, to: folder.appending(path: "\(name)\(stem)"))
        }
      }
    }
    return try LoadedData(at: folder)
  }

  /// The numbers of the training samples that are held out, ascending.
  static func heldOut(_ set: FeatureSet) throws -> [Int] {
    let groups: [[Int]]
    if set.manifest.task == .multiLabel || !set.manifest.task.hasClasses {
      groups = [Array(0..<set.train.count)]
    } else {
      let labels: [Int] = try set.train.labels.array()
      groups = set.manifest.classes.indices.map { label in labels.indices.filter { labels[$0] == label } }
    }
    var numbers = SeededNumbers(seed: 0, stream: "held-out")
    var held: [Int] = []
    for group in groups where group.count > 1 {
      let count = max(1, Int((share * Double(group.count)).rounded()))
      held += numbers.sample(count, of: group.count).map { group[$0] }
    }
    return held.sorted()
  }
}
