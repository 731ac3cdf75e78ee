import Datasets
import Foundation

/// Arrays whose names say which split they are of: `X_train`, `test_y`, `image_val`.
struct ImportSplitNames {
  struct Stem {
    let name: String
    /// In the order of the splits.
    let arrays: [String]
  }

  let stems: [Stem]
  /// Those there are, training first.
  let splits: [RawSplit]
  /// The stem that is the labels.
  let labels: String

  /// What the array of the splits is called.
  static let array = "split"

  /// Nil where the names say nothing of the kind, or a split is given otherwise.
  init?(_ names: [String], _ request: ImportRequest) {
    guard request.split == nil, !names.contains(Self.array) else { return nil }
    var found: [(stem: String, split: RawSplit, array: String)] = []
    for name in names { if let (stem, split) = Self.taken(name) { found.append((stem, split, name)) } }
    let order = [RawSplit.train, .validation, .test].filter { split in found.contains { $0.split == split } }
    guard order.count > 1, order.first == .train else { return nil }
    var stems: [Stem] = []
    for stem in found.map(\.stem) where !stems.contains(where: { $0.name == stem }) {
      let own = found.filter { $0.stem == stem }
      // What is not there for every split, or twice, or of a name that is taken, is left as it is.
      guard own.count == order.count, Set(own.map(\.split)).count == order.count, !names.contains(stem) else {
        continue
      }
      stems.append(Stem(name: stem, arrays: order.compactMap { split in own.first { $0.split == split }?.array }))
    }
    let candidates = ImportChoice.labelNames(request.labels)
    guard let labels = candidates.lazy.compactMap({ name in stems.first { $0.name.lowercased() == name } }).first,
      stems.count > 1
    else { return nil }
    self.stems = stems
    self.labels = labels.name
    splits = order
  }

  /// The split that comes with an HDF5 file, a name for each row, and what to say of it; nil where none comes with it.
  static func array(of file: HDF5File) throws -> (texts: [String]?, note: String)? {
    guard !file.splits.isEmpty else { return nil }
    let words = file.splits.map { "\($0.name) \($0.rows.lowerBound) to \($0.rows.upperBound)" }.joined(separator: ", ")
    func left(_ why: String) -> (texts: [String]?, note: String) {
      (nil, "the file's split (\(words)) is not used: \(why)")
    }
    let known = file.splits.filter { ImportSplit.split(named: $0.name) != nil }
    guard known.count == file.splits.count, known.contains(where: { ImportSplit.split(named: $0.name) == .train })
    else {
      return left("its names are not train, validation and test")
    }
    let rows = file.splits.map(\.rows).sorted { $0.lowerBound < $1.lowerBound }
    guard rows.first?.lowerBound == 0, zip(rows, rows.dropFirst()).allSatisfy({ $0.upperBound == $1.lowerBound }) else {
      return left("its parts overlap or leave rows out")
    }
    guard let count = rows.last?.upperBound, count <= file.arrays.compactMap(\.shape.first).max() ?? 0 else {
      return left("it has more rows than the arrays")
    }
    let order = file.splits.sorted { $0.rows.lowerBound < $1.rows.lowerBound }
    return (
      order.flatMap { Array(repeating: $0.name, count: $0.rows.count) }, "the split is the file's own: \(words)"
    )
  }

  /// A name without the split in it, and the split.
  private static func taken(_ name: String) -> (stem: String, split: RawSplit)? {
    let separators: Set<Character> = ["_", "-", ".", "/", " "]
    if let place = name.firstIndex(where: separators.contains),
      let split = ImportSplit.split(named: String(name[..<place]))
    {
      let stem = String(name[name.index(after: place)...])
      return stem.isEmpty ? nil : (stem, split)
    }
    if let place = name.lastIndex(where: separators.contains),
      let split = ImportSplit.split(named: String(name[name.index(after: place)...]))
    {
      let stem = String(name[..<place])
      return stem.isEmpty ? nil : (stem, split)
    }
    // Xtrain, ytest.
    if let first = name.first, "xXyY".contains(first), let split = ImportSplit.split(named: String(name.dropFirst())) {
      return (String(first), split)
    }
    return nil
  }
}
