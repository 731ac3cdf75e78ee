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
    case numbers([Double])
    case wholes([Int])
    case texts([String])
    /// One after the other.
    case joined([ImportArray])
  }

  let name: String
  let shape: [Int]
  let kind: NumPyArray.Kind
  private let content: Content

  init(_ name: String, _ array: NumPyArray) {
    self.init(name, array.shape, array.kind, .numpy(array))
  }

  init(_ name: String, _ tensor: Tensor) {
    let type = tensor.elementType
    self.init(
      name, tensor.shape, type.isFloatingPoint ? .real : type == .bool ? .boolean : .integer, .tensor(tensor))
  }

  init(_ name: String, _ table: NumberTable) {
    let shape = table.columns == 1 ? [table.rows] : [table.rows, table.columns]
    guard let numbers = table.numbers else {
      self.init(name, shape, .text, .texts(table.texts))
      return
    }
    let wholes = table.texts.compactMap { Int($0) }
    if wholes.count == numbers.count {
      self.init(name, shape, .integer, .wholes(wholes))
    } else {
      self.init(name, shape, .real, .numbers(numbers))
    }
  }

  init(_ name: String, texts: [String]) { self.init(name, [texts.count], .text, .texts(texts)) }

  /// Arrays one after the other, of which only the first extent may differ; another length of sequences, too.
  init(_ name: String, joining parts: [ImportArray], place: String) throws {
    let kinds = Set(parts.map(\.kind))
    let kind: NumPyArray.Kind = kinds.count == 1 ? parts[0].kind : kinds.contains(.text) ? .text : .real
    let isUneven = parts.contains { part in
      part.shape.isEmpty || part.shape.count != parts[0].shape.count
        || part.shape.dropFirst(part.shape.count == 3 ? 2 : 1)
          != parts[0].shape.dropFirst(parts[0].shape.count == 3 ? 2 : 1)
    }
    guard !isUneven, !(kinds.count > 1 && kinds.contains(.text)) else {
      throw Diagnosis(
        "the arrays of the splits of '\(name)' do not fit together", place: place,
        found: parts.map { "'\($0.name)': \($0.kind.rawValue) \($0.shape)" }, exitStatus: .input)
    }
    self.init(name, [parts.reduce(0) { $0 + $1.shape[0] }] + parts[0].shape.dropFirst(), kind, .joined(parts))
  }

  private init(_ name: String, _ shape: [Int], _ kind: NumPyArray.Kind, _ content: Content) {
    self.name = name
    self.shape = shape
    self.kind = kind
    self.content = content
  }

  /// The shape without a last dimension of one.
  var column: [Int] { shape.count == 2 && shape[1] == 1 ? [shape[0]] : shape }

  /// The rows of each of the arrays that it was put together from.
  var partCounts: [Int] {
    if case .joined(let parts) = content { parts.map { $0.shape[0] } } else { [shape.first ?? 0] }
  }

  func doubles() throws -> [Double] {
    switch content {
    case .numpy(let array): try array.doubles()
    case .tensor(let tensor): try tensor.array()
    case .numbers(let numbers): numbers
    case .wholes(let numbers): numbers.map(Double.init)
    case .texts: []
    case .joined(let parts): try parts.flatMap { try $0.doubles() }
    }
  }

  func ints() throws -> [Int] {
    switch content {
    case .numpy(let array): try array.ints()
    case .tensor(let tensor): try tensor.array()
    case .numbers(let numbers): numbers.map { Int($0) }
    case .wholes(let numbers): numbers
    case .texts: []
    case .joined(let parts): try parts.flatMap { try $0.ints() }
    }
  }

  func strings() throws -> [String] {
    switch content {
    case .numpy(let array): try array.strings()
    case .texts(let texts): texts
    case .joined(let parts): try parts.flatMap { try $0.strings() }
    case .tensor, .numbers, .wholes: []
    }
  }

  /// The elements as names: texts as they are, whole numbers of any size exactly.
  func words() throws -> [String] {
    switch content {
    case .numpy(let array): try array.words()
    case .texts(let texts): texts
    case .joined(let parts): try parts.flatMap { try $0.words() }
    case .tensor, .numbers, .wholes:
      kind == .real ? try doubles().map { Int(exactly: $0).map(String.init) ?? "\($0)" } : try ints().map(String.init)
    }
  }

  /// Some rows of the array.
  func keeping(_ rows: [Int]) throws -> ImportArray {
    guard let count = shape.first, rows.count < count else { return self }
    let width = shape.dropFirst().reduce(1, *)
    func pick<Value>(_ values: [Value]) -> [Value] { rows.flatMap { values[$0 * width..<($0 + 1) * width] } }
    let extents = [rows.count] + shape.dropFirst()
    switch kind {
    case .text: return ImportArray(name, extents, kind, .texts(pick(try strings())))
    case .real: return ImportArray(name, extents, kind, .numbers(pick(try doubles())))
    case .integer, .boolean: return ImportArray(name, extents, kind, .wholes(pick(try ints())))
    }
  }

  /// The rows in which something is missing: an empty text or one that says so, or NaN.
  func missingRows() throws -> [Int] {
    let width = max(shape.dropFirst().reduce(1, *), 1)
    let places: [Int]
    switch kind {
    case .text: places = try strings().enumerated().filter { MissingValue.isMissing($0.element) }.map(\.offset)
    case .real: places = try doubles().enumerated().filter { $0.element.isNaN }.map(\.offset)
    case .integer, .boolean: places = []
    }
    return Set(places.map { $0 / width }).sorted()
  }

  /// Whether the array is pictures: bytes [N, 3, H, W].
  var isPixels: Bool {
    guard shape.count == 4, shape[1] == 3 else { return false }
    switch content {
    case .numpy(let array): return array.isBytes
    case .tensor(let tensor): return tensor.elementType == .uint8
    case .joined(let parts): return parts.allSatisfy(\.isPixels)
    case .numbers, .wholes, .texts: return false
    }
  }

  /// Steps of a sequence and the width of each; 1 step where the array is no sequence, nil where it is neither.
  private var inner: (steps: Int, width: Int)? {
    let extents = Array(shape.dropFirst())
    if extents.count <= 1 { return (1, extents.first ?? 1) }
    // What a network leaves of places that it has pooled.
    let plain = extents.filter { $0 != 1 }
    if plain.count <= 1 { return (1, plain.first ?? 1) }
    return extents.count == 2 ? (extents[0], extents[1]) : nil
  }

  /// Whether each row is a sequence of rows.
  var isSequence: Bool { !isPixels && (inner?.steps ?? 1) > 1 }
  /// Whether features can be made of the array.
  var isFeatures: Bool { !shape.isEmpty && (isPixels || inner != nil) }

  /// The numbers as [N, D] float32, sequences [N, T, D] pooled; pictures as they are.
  func features(_ pooling: ImportPooling) throws -> Tensor {
    if case .joined(let parts) = content { return try Tensor.cat(parts.map { try $0.features(pooling) }, 0) }
    if isPixels {
      switch content {
      case .numpy(let array): return try Tensor(array.bytes(), shape: shape)
      case .tensor(let tensor): return tensor
      case .numbers, .wholes, .texts, .joined: break
      }
    }
    let (steps, width) = inner ?? (1, 1)
    let extents = steps > 1 ? [shape[0], steps, width] : [shape[0], width]
    let all: Tensor
    switch content {
    case .numpy(let array): all = try Tensor(array.floats(), shape: extents)
    case .tensor(let tensor): all = try tensor.to(.float32).reshaped(extents)
    default: all = try Tensor(doubles().map { Float($0) }, shape: extents)
    }
    return steps > 1 ? try pooling(all) : all
  }
}

/// How a sequence of rows [N, T, D] becomes one.
public enum ImportPooling: String, Sendable, Codable, CaseIterable {
  case mean, last, max

  func callAsFunction(_ rows: Tensor) throws -> Tensor {
    switch self {
    case .mean: try rows.mean(1)
    case .last: try rows.selected(1, rows.shape[1] - 1)
    case .max: try rows.max(1)
    }
  }
}

/// The arrays that are there, by name, read when they are asked for.
struct ImportArrays {
  private(set) var names: [String] = []
  let place: String
  /// What a person should know of how they were read.
  private(set) var notes: [String] = []
  private var loaders: [String: () throws -> ImportArray] = [:]

  init(_ request: ImportRequest) throws {
    place = (request.file ?? request.parts.min { $0.key < $1.key }?.value)?.relativePath ?? ""
    if let url = request.file { try add(url) }
    for (role, url) in request.parts.sorted(by: { $0.key < $1.key }) { try add(url, as: role) }
    if request.file != nil, let splits = ImportSplitNames(names, request) { try put(splits) }
  }

  private mutating func add(_ name: String, _ load: @escaping () throws -> ImportArray) {
    names.append(name)
    loaders[name] = load
  }

  /// The arrays of a file with everything.
  private mutating func add(_ url: URL) throws {
    let ending = url.pathExtension.lowercased()
    if ending == "safetensors" {
      let file = try SafeTensors(reading: url)
      for name in file.names { add(name) { ImportArray(name, try file.tensor(name)) } }
      return
    }
    if NumberTable.endings.contains(ending) {
      throw Diagnosis(
        "a table of numbers holds one array, and does not say which", place: url.relativePath,
        remedy: "name each by what it is:  --image image.csv --text text.csv --labels labels.csv", exitStatus: .usage)
    }
    let file = try NumPyFile(at: url)
    try file.requireRoom()
    for name in file.names { add(name) { ImportArray(name, try file.array(name)) } }
  }

  /// The one array of a file.
  private mutating func add(_ url: URL, as role: String) throws {
    guard loaders[role] == nil else {
      throw Diagnosis(
        "'\(role)' is in the file and named as a file of its own", place: url.relativePath,
        remedy: "name it once", exitStatus: .usage)
    }
    if NumberTable.endings.contains(url.pathExtension.lowercased()) {
      let table = try NumberTable(url, role: role)
      notes += table.notes
      add(role) { ImportArray(role, table) }
      return
    }
    let file = try NumPyFile(at: url)
    guard let only = file.names.first, file.names.count == 1 else {
      throw Diagnosis(
        "'\(role)' should be one array, the file holds \(file.names.count)", place: url.relativePath,
        remedy: "save it with numpy.save", exitStatus: .input)
    }
    add(role) { ImportArray(role, try file.array(only)) }
  }

  /// Puts arrays together that lie apart by split.
  private mutating func put(_ splits: ImportSplitNames) throws {
    let place = place
    let old = loaders
    for stem in splits.stems {
      let parts = stem.arrays
      names.removeAll { parts.contains($0) }
      add(stem.name) {
        try ImportArray(stem.name, joining: parts.compactMap { try old[$0]?() }, place: place)
      }
    }
    let words = splits.splits.map(\.rawValue)
    let labels = splits.labels
    let loaders = loaders
    add(ImportSplitNames.array) {
      let counts = try loaders[labels]?().partCounts ?? []
      return ImportArray(
        ImportSplitNames.array, texts: zip(words, counts).flatMap { Array(repeating: $0, count: $1) })
    }
    let stems = splits.stems.map { "'\($0.name)'" }.joined(separator: ", ")
    notes.append("the arrays are named by split (\(words.joined(separator: ", "))) and were put together: \(stems)")
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
