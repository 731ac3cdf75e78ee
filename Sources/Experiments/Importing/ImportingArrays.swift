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
    /// Read whenever it is asked for.
    case stored(HDF5Array)
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

  init(_ array: HDF5Array) { self.init(array.name, array.shape, array.kind, .stored(array)) }

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

  /// [N] where every other dimension is one, else the shape.
  var column: [Int] { shape.count > 1 && shape.dropFirst().allSatisfy { $0 == 1 } ? [shape[0]] : shape }

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
    case .stored: try loaded().doubles()
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
    case .stored: try loaded().ints()
    case .joined(let parts): try parts.flatMap { try $0.ints() }
    }
  }

  func strings() throws -> [String] {
    switch content {
    case .numpy(let array): try array.strings()
    case .texts(let texts): texts
    case .stored: try loaded().strings()
    case .joined(let parts): try parts.flatMap { try $0.strings() }
    case .tensor, .numbers, .wholes: []
    }
  }

  /// The elements as names: texts as they are, whole numbers of any size exactly.
  func words() throws -> [String] {
    switch content {
    case .numpy(let array): try array.words()
    case .texts(let texts): texts
    case .stored: try loaded().words()
    case .joined(let parts): try parts.flatMap { try $0.words() }
    case .tensor, .numbers, .wholes:
      kind == .real ? try doubles().map { Int(exactly: $0).map(String.init) ?? "\($0)" } : try ints().map(String.init)
    }
  }

  /// The same with its elements in memory.
  private func loaded() throws -> ImportArray {
    guard case .stored(let array) = content else { return self }
    switch try array.whole() {
    case .numbers(let numbers): return ImportArray(name, numbers)
    case .texts(let texts): return ImportArray(name, shape, .text, .texts(texts))
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
    case .stored(let array): return array.isBytes
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
    if case .stored(let array) = content { return try features(of: array, pooling) }
    if isPixels {
      switch content {
      case .numpy(let array): return try Tensor(array.bytes(), shape: shape)
      case .tensor(let tensor): return tensor
      case .numbers, .wholes, .texts, .stored, .joined: break
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

  /// The same, some megabytes of the file at a time: a long sequence is pooled before the next is read.
  private func features(of array: HDF5Array, _ pooling: ImportPooling) throws -> Tensor {
    let row = isPixels ? shape.dropFirst().reduce(1, *) : MemoryLayout<Float>.size * (inner?.width ?? 1)
    try array.require(Double(row) * Double(shape[0]))
    var parts: [Tensor] = []
    try array.windows { rows in
      guard case .numbers(let numbers) = rows else { return }
      parts.append(try ImportArray(name, numbers).features(pooling))
    }
    if parts.count == 1 { return parts[0] }
    return parts.isEmpty ? try Tensor.zeros([0, inner?.width ?? 1]) : try Tensor.cat(parts, 0)
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
  /// Why arrays that are there are not read, by name.
  private(set) var unread: [String: String] = [:]

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
    if HDF5File.isOne(url) {
      try add(HDF5File(at: url))
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

  private mutating func add(_ file: HDF5File) throws {
    notes += file.notes
    for array in file.arrays {
      unread[array.name] = array.problem
      add(array.name) {
        try array.require(0)
        return ImportArray(array)
      }
    }
    guard !names.contains(ImportSplitNames.array), let split = try ImportSplitNames.array(of: file) else { return }
    if let texts = split.texts { add(ImportSplitNames.array) { ImportArray(ImportSplitNames.array, texts: texts) } }
    notes.append(split.note)
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
    func severalArrays(_ count: Int, _ remedy: String) -> Diagnosis {
      Diagnosis(
        "'\(role)' should be one array, the file holds \(count)", place: url.relativePath, remedy: remedy,
        exitStatus: .input)
    }
    if HDF5File.isOne(url) {
      let file = try HDF5File(at: url)
      guard let only = file.arrays.first, file.arrays.count == 1 else {
        throw severalArrays(file.arrays.count, "name the file alone, and its arrays with --modalities, --labels, …")
      }
      try only.require(0)
      add(role) { ImportArray(only.named(role)) }
      return
    }
    let file = try NumPyFile(at: url)
    guard let only = file.names.first, file.names.count == 1 else {
      throw severalArrays(file.names.count, "save it with numpy.save")
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
      unread[stem.name] = parts.compactMap { unread[$0] }.first
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
