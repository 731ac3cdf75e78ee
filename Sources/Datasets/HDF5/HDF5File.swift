package import Foundation
import Records

#if READS_HDF5
  import CHDF5
#endif

/// What is in an HDF5 file: its arrays, wherever their groups lie, and a split that comes with them.
///
/// The file is read in a process of its own, which a hostile one may break (`chdf5.h`). Nothing outside of the file is
/// opened: links into other files, virtual data sets and filters from elsewhere are named and left alone.
package struct HDF5File: Sendable {
  /// The path it was read from.
  package let path: String
  /// In the order of their names.
  package let arrays: [HDF5Array]
  /// Rows of each split, as Fuel's attribute `split` has them; empty where there is none.
  package let splits: [(name: String, rows: Range<Int>)]
  /// What a person should know of how it was read.
  package private(set) var notes: [String] = []

  /// The endings of files that are read so.
  package static let endings: Set<String> = ["h5", "hdf5", "he5", "hdf", "csd"]
  private static let mark: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
  /// More objects than this are no features of modalities.
  private static let mostObjects = 100_000

  /// Whether a file's name or first bytes say that it is one.
  package static func isOne(_ url: URL) -> Bool {
    if endings.contains(url.pathExtension.lowercased()) { return true }
    guard (try? NumPyFile.requireRegular(url)) != nil, let file = try? FileHandle(forReadingFrom: url) else {
      return false
    }
    defer { try? file.close() }
    return ((try? file.read(upToCount: mark.count)) ?? nil).map { Array($0) == mark } ?? false
  }

  /// The library's version; nil in a build without it.
  package static var version: String? {
    #if READS_HDF5
      String(cString: chdf5_version())
    #else
      nil
    #endif
  }

  /// Lists what is in a file.
  ///
  /// - Parameter limit: bytes that an array may take in memory; half of the machine's where nil.
  /// - Throws: a `Diagnosis` where it cannot be opened, is damaged, or is of a kind whose arrays are no features.
  package init(at url: URL, limit: Int? = nil) throws {
    try NumPyFile.requireRegular(url)
    if GitLFSPointer.stands(at: url) { throw GitLFSPointer.diagnosis(place: url.relativePath) }
    path = url.relativePath
    #if READS_HDF5
      let limit = limit ?? Int(clamping: ProcessInfo.processInfo.physicalMemory / 2)
      var found: [HDF5Array] = []
      var splits: [(name: String, rows: Range<Int>)] = []
      let child = try HDF5Child(listing: url, limit: Self.mostObjects)
      while let record = try child.record() {
        switch record {
        case .object(let object): found.append(HDF5Array(object, file: url, limit: limit))
        case .rows(let split, let rows): splits.append((split, rows))
        case .window: throw child.broken()
        }
      }
      if let diagnosis = Self.refusal(found.map(\.name), path) { throw diagnosis }
      guard !found.isEmpty else { throw Diagnosis("the file holds no arrays", place: path, exitStatus: .input) }
      (arrays, notes) = Self.withoutCommonGroup(found)
      self.splits = splits
    #else
      throw Diagnosis(
        "this build reads no HDF5 files", place: path,
        remedy: "install libhdf5's development files ('make setup' does) and build again", exitStatus: .input)
    #endif
  }

  /// What a file is whose arrays are no features of samples, by its names; nil where it may hold some.
  private static func refusal(_ names: [String], _ path: String) -> Diagnosis? {
    let parts = names.map { $0.split(separator: "/").map(String.init) }
    // mosei/data/VIDEO/features beside mosei/data/VIDEO/intervals.
    let videos = parts.filter { $0.count == 4 && $0[1] == "data" && $0[3] == "intervals" }.count
    if videos > 0 {
      let name = parts.first { $0.count == 4 }?[0] ?? ""
      return Diagnosis(
        "the file is a computational sequence of CMU's SDK, whose features are not aligned to samples", place: path,
        found: ["'\(name)': features of \(videos) recordings, each with its own times"],
        remedy: "align it to labels with the SDK, and save arrays [N, D] or [N, T, D], one a modality",
        exitStatus: .input)
    }
    if parts.contains(where: { ["block0_values", "block0_items", "_i_table"].contains($0.last ?? "") }) {
      return Diagnosis(
        "the file holds a table as pandas writes it, not arrays", place: path,
        remedy: "save its columns as arrays (numpy.savez), or as a .csv file", exitStatus: .input)
    }
    return nil
  }

  /// The arrays without the group that all of them lie in.
  private static func withoutCommonGroup(_ arrays: [HDF5Array]) -> ([HDF5Array], notes: [String]) {
    var shared = arrays[0].name.split(separator: "/").dropLast().map(String.init)
    for array in arrays.dropFirst() {
      let parts = array.name.split(separator: "/").dropLast().map(String.init)
      shared = Array(zip(shared, parts).prefix { $0 == $1 }.map(\.0))
    }
    guard !shared.isEmpty else { return (arrays, []) }
    let group = shared.joined(separator: "/")
    return (
      arrays.map { $0.named(String($0.name.dropFirst(group.count + 1))) },
      ["all arrays lie in the group '\(group)', which their names leave out"]
    )
  }
}

/// An array of an HDF5 file, which is read when it is asked for.
package struct HDF5Array: Sendable {
  /// With the groups that it lies in: `train/vision`.
  package private(set) var name: String
  package let shape: [Int]
  package let kind: NumPyArray.Kind
  /// Why it is not read; nil where it is.
  package let problem: String?
  /// Whether the elements are whole numbers from 0 to 255, a byte each.
  package let isBytes: Bool

  /// What a window of rows holds.
  package enum Rows: Sendable {
    case numbers(NumPyArray)
    case texts([String])
  }

  /// Of the elements in memory; nil for texts.
  private let elements: NumPyElements?
  private let file: URL
  /// Where it lies in the file.
  private let place: String
  private let limit: Int

  init(_ object: HDF5Object, file: URL, limit: Int) {
    (name, place) = (object.name, object.name)
    (shape, kind, problem) = (object.shape, object.kind, object.problem)
    (elements, self.file, self.limit) = (object.elements, file, limit)
    isBytes = elements?.form == .unsigned && elements?.byteCount == 1
  }

  /// The same under another name.
  package func named(_ name: String) -> HDF5Array {
    var copy = self
    copy.name = name
    return copy
  }

  /// Refuses to read what is not read, or would take more memory than is allowed.
  ///
  /// - Parameter bytes: of memory that the whole takes.
  package func require(_ bytes: Double) throws {
    if let problem { throw diagnosis("is not read: \(problem)") }
    guard bytes <= Double(limit) else {
      throw diagnosis("takes \(Int(bytes)) bytes in memory, more than the \(limit) that are allowed")
    }
  }

  private func diagnosis(_ what: String) -> Diagnosis {
    Diagnosis("array '\(name)' \(what)", place: file.relativePath, exitStatus: .input)
  }

  /// Hands over all rows in order, some megabytes at a time; what the library refuses is a `Diagnosis`.
  package func windows(_ body: (Rows) throws -> Void) throws {
    try require(0)
    #if READS_HDF5
      let child = try HDF5Child(reading: place, of: file)
      let width = shape.dropFirst().reduce(1, *)
      var seen = 0
      while let record = try child.record() {
        guard case .window(let rows, let count) = record else { throw child.broken() }
        let extents = shape.isEmpty ? [] : [rows] + shape.dropFirst()
        guard rows > 0, seen + rows <= shape.first ?? 1 else { throw child.broken() }
        seen += rows
        if let elements {
          guard count == rows * width * elements.byteCount else { throw child.broken() }
          let data = try child.data(count)
          try body(.numbers(NumPyArray(data, elements, extents, name: name, path: file.relativePath)))
        } else {
          guard count <= limit else { throw diagnosis("holds texts of \(count) bytes, \(limit) are allowed") }
          try body(.texts(texts(try child.texts(rows * width, bytes: count), after: (seen - rows) * width)))
        }
      }
      guard seen == shape.first ?? 1 || width == 0 else { throw child.broken() }
    #endif
  }

  /// All rows at once.
  package func whole() throws -> Rows {
    let count = shape.reduce(1.0) { $0 * Double($1) }
    try require(count * Double(elements?.byteCount ?? MemoryLayout<String>.size))
    var bytes = Data()
    var all: [String] = []
    try windows { rows in
      switch rows {
      case .numbers(let array): bytes.append(array.data)
      case .texts(let texts): all += texts
      }
    }
    guard let elements else { return .texts(all) }
    return .numbers(NumPyArray(bytes, elements, shape, name: name, path: file.relativePath))
  }

  private func texts(_ bytes: [Data], after first: Int) throws -> [String] {
    try bytes.enumerated().map { place, bytes in
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw diagnosis("holds a text that is not Unicode in element \(first + place)")
      }
      return text
    }
  }
}
