import Datasets
import Foundation
import Multimodal
import Records
import Torch

/// An array to import, wherever it comes from.
struct ImportArray {
  private enum Content {
    case numpy(NumPyArray)
    case tensor(Tensor)
  }

  let name: String
  let shape: [Int]
  let kind: NumPyArray.Kind
  private let content: Content

  init(_ name: String, _ array: NumPyArray) {
    self.name = name
    shape = array.shape
    kind = array.kind
    content = .numpy(array)
  }

  init(_ name: String, _ tensor: Tensor) {
    self.name = name
    shape = tensor.shape
    let type = tensor.elementType
    kind = type.isFloatingPoint ? .real : type == .bool ? .boolean : .integer
    content = .tensor(tensor)
  }

  /// The shape without a last dimension of one.
  var column: [Int] { shape.count == 2 && shape[1] == 1 ? [shape[0]] : shape }

  func doubles() throws -> [Double] {
    switch content {
    case .numpy(let array): try array.doubles()
    case .tensor(let tensor): try tensor.array()
    }
  }

  func ints() throws -> [Int] {
    switch content {
    case .numpy(let array): try array.ints()
    case .tensor(let tensor): try tensor.array()
    }
  }

  func strings() throws -> [String] {
    switch content {
    case .numpy(let array): try array.strings()
    case .tensor: []
    }
  }

  /// Whether the array is pictures: bytes [N, 3, H, W].
  var isPixels: Bool {
    guard shape.count == 4, shape[1] == 3 else { return false }
    switch content {
    case .numpy(let array): return array.isBytes
    case .tensor(let tensor): return tensor.elementType == .uint8
    }
  }

  /// The numbers as [N, D] float32, where the array has one or two dimensions; pictures as they are.
  func features() throws -> Tensor {
    if isPixels {
      switch content {
      case .numpy(let array): return try Tensor(array.bytes(), shape: shape)
      case .tensor(let tensor): return tensor
      }
    }
    let extents = shape.count == 1 ? [shape[0], 1] : shape
    switch content {
    case .numpy(let array): return try Tensor(array.floats(), shape: extents)
    case .tensor(let tensor): return try tensor.to(.float32).reshaped(extents)
    }
  }
}

/// The arrays that are there, by name, read when they are asked for.
struct ImportArrays {
  let names: [String]
  let place: String
  private let loaders: [String: () throws -> ImportArray]

  init(_ request: ImportRequest) throws {
    var found: [(name: String, load: () throws -> ImportArray)] = []
    if let url = request.file {
      if url.pathExtension.lowercased() == "safetensors" {
        let file = try SafeTensors(reading: url)
        found = file.names.map { name in (name, { ImportArray(name, try file.tensor(name)) }) }
      } else {
        let file = try NumPyFile(at: url)
        try file.requireRoom()
        found = file.names.map { name in (name, { ImportArray(name, try file.array(name)) }) }
      }
    }
    for (role, url) in request.parts.sorted(by: { $0.key < $1.key }) {
      guard !found.contains(where: { $0.name == role }) else {
        throw Diagnosis(
          "'\(role)' is in the file and named as a file of its own", place: url.relativePath,
          remedy: "name it once", exitStatus: .usage)
      }
      let file = try NumPyFile(at: url)
      guard let only = file.names.first, file.names.count == 1 else {
        throw Diagnosis(
          "'\(role)' should be one array, the file holds \(file.names.count)", place: url.relativePath,
          remedy: "save it with numpy.save", exitStatus: .input)
      }
      found.append((role, { ImportArray(role, try file.array(only)) }))
    }
    names = found.map(\.name)
    loaders = Dictionary(uniqueKeysWithValues: found.map { ($0.name, $0.load) })
    place = (request.file ?? request.parts.min { $0.key < $1.key }?.value)?.relativePath ?? ""
  }

  /// The array of that name.
  ///
  /// - Throws: a `Diagnosis` that names those there are.
  func load(_ name: String) throws -> ImportArray { try loader(name)() }

  func require(_ name: String) throws { _ = try loader(name) }

  private func loader(_ name: String) throws -> () throws -> ImportArray {
    if let loader = loaders[name] { return loader }
    let quoted = names.map { "'\($0)'" }.joined(separator: ", ")
    throw Diagnosis(
      "there is no array '\(name)'", place: place, found: ["arrays: \(quoted.isEmpty ? "none" : quoted)"],
      remedy: nearest(to: name, in: names).map { "did you mean '\($0)'?" }, exitStatus: .usage)
  }
}

/// Which array is what.
struct ImportChoice {
  private(set) var modalities: [(name: String, array: String)]
  let labels: String
  let split: String?
  /// An array of class names.
  let classNames: String?
  private(set) var notes: [String] = []
  /// Arrays that had to be looked into, until their features are taken.
  private var held: [String: ImportArray] = [:]

  private static let labelNames = ["labels", "label", "y"]
  /// What other names in a model's weights begin with.
  private static let reserved: Set<String> = ["labels", "fusion", "encoder", "method"]

  init(_ request: ImportRequest, _ arrays: ImportArrays) throws {
    let isUsual = request.labels == Self.labelNames[0]
    labels = isUsual ? Self.labelNames.first(where: arrays.names.contains) ?? request.labels : request.labels
    guard arrays.names.contains(labels) || !isUsual else {
      throw Diagnosis(
        "there are no labels", place: arrays.place,
        found: ["arrays: " + arrays.names.map { "'\($0)'" }.joined(separator: ", ")],
        remedy: "say which array holds them:  --labels NAME", exitStatus: .input)
    }
    try arrays.require(labels)
    split = request.split ?? (arrays.names.contains("split") ? "split" : nil)
    if let split { try arrays.require(split) }
    modalities = request.modalities
    classNames = try Self.classNames(request, arrays)

    if modalities.isEmpty {
      let spoken = Set([labels, split, classNames].compactMap(\.self))
      for name in arrays.names where !spoken.contains(name) {
        let array = try arrays.load(name)
        if Self.labelNames.contains(name) {
          notes.append("array '\(name)' is left out: its name says labels, and '\(labels)' are the labels")
        } else if array.kind == .text {
          notes.append("array '\(name)' is left out: it holds text")
        } else if array.shape.isEmpty {
          notes.append("array '\(name)' is left out: it holds a single number")
        } else {
          modalities.append((name, name))
          held[name] = array
        }
      }
      guard !modalities.isEmpty else {
        throw Diagnosis(
          "there are no features beside the labels", place: arrays.place,
          found: ["arrays: " + arrays.names.map { "'\($0)'" }.joined(separator: ", ")], exitStatus: .input)
      }
    }
    try check(arrays)
    if modalities.count == 1 { notes.append("there is one modality, and nothing to balance it with") }
  }

  private static func classNames(_ request: ImportRequest, _ arrays: ImportArrays) throws -> String? {
    guard request.classes.isEmpty else { return nil }
    let taken = request.modalities.map(\.array)
    guard let name = ["classes", "class_names"].first(where: { arrays.names.contains($0) && !taken.contains($0) })
    else { return nil }
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

  /// The features of each modality, [N, D] float32.
  ///
  /// - Throws: a `Diagnosis` with everything that is wrong with them.
  mutating func features(_ arrays: ImportArrays, rows: Int, events: EventSink) throws -> [Tensor] {
    var faults: [String] = []
    var tensors: [Tensor] = []
    for (number, modality) in modalities.enumerated() {
      events(.progress(label: "Reading", done: number, total: modalities.count, detail: modality.array))
      let array = try held.removeValue(forKey: modality.array) ?? arrays.load(modality.array)
      let name = "array '\(array.name)'"
      if array.kind == .text {
        faults.append("\(name) holds text, features are numbers")
      } else if array.shape.isEmpty || (array.shape.count > 2 && !array.isPixels) {
        let pictures = "; pictures for an encoder that is trained are bytes (uint8) [N, 3, height, width]"
        faults.append(
          "\(name) has the shape \(array.shape), features are [N, D] or [N]: flatten or encode it first"
            + (array.shape.count == 4 ? pictures : ""))
      } else if array.shape[0] != rows {
        let isTurned = array.shape.count == 2 && array.shape[1] == rows
        faults.append(
          "\(name) has \(array.shape[0]) rows, '\(labels)' has \(rows)\(isTurned ? ": transpose it" : "")")
      } else if array.shape.dropFirst().contains(0) {
        faults.append("\(name) has no columns")
      } else {
        let tensor = try array.features()
        let bad = try Self.rowsNotFinite(tensor)
        if bad.isEmpty {
          tensors.append(tensor)
        } else {
          faults.append("\(name) is not finite (NaN or infinite in float32) in \(ImportRows.words(bad))")
        }
      }
    }
    events(.progress(label: "Reading", done: modalities.count, total: modalities.count, detail: ""))
    guard faults.isEmpty else {
      throw Diagnosis(
        faults.count == 1 ? faults[0] : "\(faults.count) things are wrong with the arrays", place: arrays.place,
        found: faults.count == 1 ? [] : faults, exitStatus: .input)
    }
    return tensors
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
