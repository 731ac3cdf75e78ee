import Datasets
import Foundation
import Multimodal
import Records
import Torch

/// Which array is what.
struct ImportChoice {
  private(set) var modalities: [(name: String, array: String)]
  let labels: String
  let split: String?
  /// An array of class names.
  let classNames: String?
  /// An array of the samples' names.
  private(set) var ids: String?
  /// An array that says whom each sample belongs to.
  private(set) var groups: String?
  private(set) var notes: [String] = []
  /// Arrays that had to be looked into, until their features are taken.
  private var held: [String: ImportArray] = [:]

  private static let usualLabels = ["labels", "label", "y"]
  private static let usualIDs = [
    "ids", "id", "sample_ids", "sample_id", "uids", "uid", "keys", "key", "filenames", "filename", "file_names",
    "file_name", "paths", "path", "names", "name",
  ]
  private static let usualGroups = ["groups", "group"]
  /// What is no features, whatever numbers it holds.
  private static let furniture: Set<String> = [
    "mask", "masks", "length", "lengths", "len", "lens", "index", "indices", "idx", "classes", "class_names",
    "label_names", "vocab",
  ]
  private static let furnitureEndings = ["_mask", "_masks", "_length", "_lengths", "_len", "_idx", "_index", "_ids"]
  /// What other names in a model's weights begin with.
  private static let reserved: Set<String> = ["labels", "fusion", "encoder", "method"]

  /// The names that labels may have, in small letters, likely ones first.
  static func labelNames(_ asked: String) -> [String] { asked == usualLabels[0] ? usualLabels : [asked.lowercased()] }

  init(_ request: ImportRequest, _ arrays: ImportArrays) throws {
    let isUsual = request.labels == Self.usualLabels[0]
    let usual = Self.usualLabels.lazy.compactMap { name in arrays.names.first { Self.word($0) == name } }.first
    labels = isUsual ? usual ?? request.labels : request.labels
    guard arrays.names.contains(labels) || !isUsual else {
      throw Diagnosis(
        "there are no labels", place: arrays.place,
        found: ["arrays: " + arrays.names.map { "'\($0)'" }.joined(separator: ", ")],
        remedy: "say which array holds them:  --labels \(Self.likelyLabels(arrays) ?? "NAME")", exitStatus: .input)
    }
    try arrays.require(labels)
    split = request.split ?? (arrays.names.contains(ImportSplitNames.array) ? ImportSplitNames.array : nil)
    if let split { try arrays.require(split) }
    modalities = request.modalities
    classNames = try Self.classNames(request, arrays)
    let rows = try arrays.load(labels).shape.first ?? 0
    let spoken = Set([labels, split, classNames].compactMap(\.self) + modalities.map(\.array))
    groups = try Self.named(request.groups, Self.usualGroups, arrays, rows, spoken)
    ids = try Self.named(request.ids, Self.usualIDs, arrays, rows, spoken.union([groups].compactMap(\.self)))
    if let ids { notes.append("array '\(ids)' holds the names of the samples") }
    if let groups { notes.append("array '\(groups)' says whom the samples belong to") }

    if modalities.isEmpty { try choose(arrays, except: spoken.union([ids, groups].compactMap(\.self))) }
    try check(arrays)
    if modalities.count == 1 { notes.append("there is one modality, and nothing to balance it with") }
  }

  /// The name of an array without the groups that it lies in, in small letters.
  private static func word(_ name: String) -> String {
    (name.split(separator: "/").last.map(String.init) ?? name).lowercased()
  }

  /// An array that is called as labels often are, where nothing is called `labels`.
  static func likelyLabels(_ arrays: ImportArrays) -> String? { arrays.names.first { UsualNames.isLabel(word($0)) } }

  /// What a modality is called that is an array in a group: by the array, where no other is called so.
  private static func modality(of name: String, _ names: [String]) -> String {
    guard let last = name.split(separator: "/").last.map(String.init), last != name else { return name }
    return names.count { $0 == last || $0.hasSuffix("/\(last)") } == 1 ? last : name.replacing("/", with: "-")
  }

  /// Takes every array that can be features.
  private mutating func choose(_ arrays: ImportArrays, except spoken: Set<String>) throws {
    var left: [String] = []
    for name in arrays.names where !spoken.contains(name) {
      func leaveOut(_ why: String) { left.append("array '\(name)' is left out: \(why)") }
      if let why = arrays.unread[name] {
        leaveOut(why)
        continue
      }
      let array: ImportArray
      do { array = try arrays.load(name) } catch let error as NumPyError where error.problem == .pickled {
        leaveOut("it holds Python objects (a pickle), which are not read")
        continue
      }
      let word = Self.word(name)
      let taken = "--modalities takes it where it is features all the same"
      if Self.usualLabels.contains(word) {
        leaveOut("its name says labels, and '\(labels)' are the labels")
      } else if array.kind == .text {
        leaveOut("it holds text")
      } else if array.shape.isEmpty {
        leaveOut("it holds a single number")
      } else if Self.furniture.contains(word) || Self.furnitureEndings.contains(where: word.hasSuffix) {
        leaveOut("its name says that it is no features; \(taken)")
      } else if Self.usualIDs.contains(word) || Self.usualGroups.contains(word) {
        leaveOut("its name says ids or groups; \(taken)")
      } else if array.kind == .integer || array.kind == .boolean, array.shape.count < 3, array.column.count == 1 {
        leaveOut("one column of \(array.kind == .boolean ? "truth values" : "whole numbers") is no features; \(taken)")
      } else {
        modalities.append((Self.modality(of: name, arrays.names), name))
        held[name] = array
      }
    }
    notes += left
    guard !modalities.isEmpty else {
      throw Diagnosis(
        "there are no features beside the labels", place: arrays.place,
        found: ["arrays: " + arrays.names.map { "'\($0)'" }.joined(separator: ", ")] + left,
        remedy: "say which are:  --modalities image=ARRAY,text=ARRAY", exitStatus: .input)
    }
  }

  /// The array that was asked for, or the one of a usual name that has a value a row.
  private static func named(
    _ asked: String?, _ usual: [String], _ arrays: ImportArrays, _ rows: Int, _ spoken: Set<String>
  ) throws -> String? {
    func fits(_ name: String) throws -> Bool {
      if asked == nil, arrays.unread[name] != nil { return false }
      let array: ImportArray
      do { array = try arrays.load(name) } catch let error as NumPyError where error.problem == .pickled && asked == nil
      {
        return false
      }
      return array.column == [rows] && array.kind != .boolean
    }
    if let asked {
      guard try fits(asked) else {
        throw Diagnosis(
          "'\(asked)' has the shape \(try arrays.load(asked).shape), a name for each of \(rows) rows was expected",
          place: arrays.place, exitStatus: .usage)
      }
      return asked
    }
    for word in usual {
      for name in arrays.names where Self.word(name) == word && !spoken.contains(name) {
        if try fits(name) { return name }
      }
    }
    return nil
  }

  private static func classNames(_ request: ImportRequest, _ arrays: ImportArrays) throws -> String? {
    guard request.classes.isEmpty else { return nil }
    let taken = request.modalities.map(\.array)
    guard let name = ["classes", "class_names"].first(where: { arrays.names.contains($0) && !taken.contains($0) })
    else { return nil }
    guard arrays.unread[name] == nil else { return nil }
    let array = try arrays.load(name)
    return array.kind == .text && array.shape.count == 1 ? name : nil
  }

  private func check(_ arrays: ImportArrays) throws {
    for (index, modality) in modalities.enumerated() {
      func refuse(_ what: String, _ remedy: String) -> Diagnosis {
        Diagnosis(what, place: arrays.place, remedy: remedy, exitStatus: .usage)
      }
      try arrays.require(modality.array)
      let name = modality.name
      if name.isEmpty || name.contains(where: { "./@".contains($0) }) || Self.reserved.contains(name) {
        throw refuse(
          "'\(name)' cannot be a modality's name", "give it another:  --modalities image=\(modality.array)")
      }
      if modalities[..<index].contains(where: { $0.name == name }) {
        throw refuse("modality '\(name)' is named twice", "give each a name of its own")
      }
      if modality.array == labels || modality.array == split {
        throw refuse(
          "array '\(modality.array)' holds the \(modality.array == labels ? "labels" : "split"), not features",
          "leave it out of the modalities")
      }
    }
  }

  /// The features of each modality, [N, D] float32, and the rows of each that are not finite.
  ///
  /// - Parameter labels: of all rows.
  /// - Throws: a `Diagnosis` with everything that is wrong with them.
  mutating func features(
    _ arrays: ImportArrays, _ labels: ImportArray, _ pooling: ImportPooling?, events: EventSink
  ) throws -> [(features: Tensor, unusable: [Int])] {
    var faults: [String] = []
    var found: [(features: Tensor, unusable: [Int])] = []
    let rows = labels.shape.first ?? 0
    for (number, modality) in modalities.enumerated() {
      events(.progress(label: "Reading", done: number, total: modalities.count, detail: modality.array))
      let array = try held.removeValue(forKey: modality.array) ?? arrays.load(modality.array)
      let name = "array '\(array.name)'"
      if array.kind == .text {
        faults.append("\(name) holds text, features are numbers")
      } else if !array.isFeatures {
        let pictures = "; pictures for an encoder that is trained are bytes (uint8) [N, 3, height, width]"
        faults.append(
          "\(name) has the shape \(array.shape), features are [N, D], [N] or [N, T, D]: flatten or encode it first"
            + (array.shape.count == 4 ? pictures : ""))
      } else if array.shape[0] != rows {
        let isTurned = array.shape.count == 2 && array.shape[1] == rows
        faults.append(
          "\(name) has \(array.shape[0]) rows, '\(self.labels)' has \(rows)\(isTurned ? ": transpose it" : "")")
      } else if array.partCounts.count > 1, array.partCounts != labels.partCounts {
        faults.append("\(name) has \(array.partCounts) rows in the splits, '\(self.labels)' has \(labels.partCounts)")
      } else if array.shape.dropFirst().contains(0) {
        faults.append("\(name) has no columns")
      } else {
        if array.isSequence {
          let used = pooling ?? .mean
          let why = pooling == nil ? "; --pooling mean, last or max chooses" : ""
          notes.append(
            "\(name) has a sequence a row (\(array.shape)): each became its \(Self.words(used)), steps that only fill up "
              + "included\(why)")
        }
        let tensor = try array.features(pooling ?? .mean)
        found.append((tensor, try Self.rowsNotFinite(tensor)))
      }
    }
    events(.progress(label: "Reading", done: modalities.count, total: modalities.count, detail: ""))
    guard faults.isEmpty else {
      throw Diagnosis(
        faults.count == 1 ? faults[0] : "\(faults.count) things are wrong with the arrays", place: arrays.place,
        found: faults.count == 1 ? [] : faults, exitStatus: .input)
    }
    return found
  }

  private static func words(_ pooling: ImportPooling) -> String {
    switch pooling {
    case .mean: "mean over the steps"
    case .last: "last step"
    case .max: "largest values over the steps"
    }
  }

  private static func rowsNotFinite(_ features: Tensor) throws -> [Int] {
    if features.elementType == .uint8 { return [] }
    // A finite sum clears all rows at once.
    if try features.sum().scalar().isFinite { return [] }
    let finite: [Double] = try features.isFinite().to(.float32).min(1).array()
    return finite.indices.filter { finite[$0] == 0 }
  }
}

/// Rows in words.
enum ImportRows {
  /// `2 rows (counted from 0): 3, 7`, with the first ten named.
  static func words(_ rows: [Int]) -> String {
    let shown = rows.prefix(10).map(String.init).joined(separator: ", ")
    return "\(rows.count) \(rows.count == 1 ? "row" : "rows") (counted from 0): \(shown)\(rows.count > 10 ? ", …" : "")"
  }
}
