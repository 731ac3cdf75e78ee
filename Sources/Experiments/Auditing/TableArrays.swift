import Datasets
import Foundation
import Records
import Torch

/// The arrays of a file of predictions, wherever they come from.
struct TableArrays {
  /// Where they were read, for errors.
  let place: String
  let names: [String]
  /// What is said where labels are needed, and there are none; nil says the usual.
  var withoutLabels: Diagnosis?
  private let loaders: [String: () throws -> TableArray]

  init(_ arrays: [(name: String, load: () throws -> TableArray)], place: String) {
    self.place = place
    names = arrays.map(\.name)
    loaders = Dictionary(arrays.map { ($0.name, $0.load) }, uniquingKeysWith: { first, _ in first })
  }

  /// The array of that name; nil where there is none.
  func array(_ name: String) throws -> TableArray? { try loaders[name]?() }

  /// Opens a file: NumPy archives and safetensors by their bytes, JSON lines by their name.
  init(reading url: URL) throws {
    switch url.pathExtension.lowercased() {
    case "safetensors": try self.init(safetensors: SafeTensors(reading: url), place: url.relativePath)
    case "jsonl", "ndjson": self = try TableLines(reading: url).arrays
    case "parquet", "arrow", "feather": self = try TableFrame(ColumnFile(at: url), place: url.relativePath).arrays()
    case "npz", "npy":
      let file = try NumPyFile(at: url)
      try file.requireRoom()
      self.init(
        file.names.map { name in
          (
            name,
            {
              let array = try file.array(name)
              return try TableArray(name, array)
            }
          )
        }, place: url.relativePath)
    case let ending:
      throw Diagnosis(
        "files of predictions are .npz, .safetensors, .jsonl or .parquet\(ending.isEmpty ? "" : ", not .\(ending.clipped(20))")",
        place: url.relativePath, remedy: "seesaw audit --template shows how to write one", exitStatus: .input)
    }
  }

  private init(safetensors file: SafeTensors, place: String) throws {
    var arrays: [(name: String, load: () throws -> TableArray)] = file.names.map { name in
      (name, { try TableArray(name, file.tensor(name)) })
    }
    // A tensor holds no text: names are lists in the header.
    for (name, text) in file.metadata.sorted(by: { $0.key < $1.key }) where TableNames.texts.contains(name) {
      guard let list = (try? Tree(json: text))?.listValue, list.allSatisfy({ $0.stringValue != nil }) else {
        throw Diagnosis(
          "'\(name)' in the header is no JSON list of texts", place: place,
          found: [text.escapedForTerminal.clipped(80)],
          exitStatus: .input)
      }
      guard !file.names.contains(name) else { continue }
      let texts = list.compactMap(\.stringValue)
      arrays.append((name, { TableArray(name: name, shape: [texts.count], content: .texts(texts)) }))
    }
    self.init(arrays, place: place)
  }
}

/// One array of a file.
struct TableArray {
  enum Content {
    case numbers([Double], isWhole: Bool)
    case texts([String])
  }

  let name: String
  let shape: [Int]
  let content: Content

  init(name: String, shape: [Int], content: Content) {
    self.name = name
    self.shape = shape
    self.content = content
  }

  init(_ name: String, _ array: NumPyArray) throws {
    let content: Content =
      switch array.kind {
      case .text: .texts(try array.strings())
      case .real: .numbers(try array.doubles(), isWhole: false)
      case .integer, .boolean: .numbers(try array.doubles(), isWhole: true)
      }
    self.init(name: name, shape: array.shape, content: content)
  }

  init(_ name: String, _ tensor: Tensor) throws {
    let isWhole = !tensor.elementType.isFloatingPoint
    self.init(
      name: name, shape: tensor.shape, content: .numbers(try tensor.to(.float64).array(), isWhole: isWhole))
  }

  /// The shape in words: `[200, 3]`.
  var words: String { "\(shape)" }

  /// Numbers of any shape.
  func numbers(in place: String) throws -> [Double] {
    guard case .numbers(let values, _) = content else {
      throw Diagnosis("'\(name)' holds texts, numbers were expected", place: place, exitStatus: .input)
    }
    return values
  }

  /// Whole numbers of one dimension.
  func indices(in place: String) throws -> [Int] {
    let values = try numbers(in: place)
    guard shape.count == 1 else {
      throw Diagnosis(
        "'\(name)' has the shape \(words), one number a row was expected", place: place, exitStatus: .input)
    }
    return try values.enumerated().map { row, value in
      guard let whole = Int(exactly: value) else {
        throw Diagnosis("'\(name)' holds \(value) in row \(row), not a whole number", place: place, exitStatus: .input)
      }
      return whole
    }
  }

  /// Texts of one dimension; whole numbers are written out.
  func words(in place: String) throws -> [String] {
    guard shape.count == 1 else {
      throw Diagnosis(
        "'\(name)' has the shape \(words), one name a row was expected", place: place, exitStatus: .input)
    }
    switch content {
    case .texts(let texts): return texts
    case .numbers(_, let isWhole):
      guard isWhole else {
        throw Diagnosis("'\(name)' holds fractions, names were expected", place: place, exitStatus: .input)
      }
      return try indices(in: place).map { "\($0)" }
    }
  }
}

/// What arrays of a table are called.
enum TableNames {
  /// Those that hold names.
  static let texts: Set = ["ids", "classes", "modalities", "groups", "labels"]
  static let single = ["labels", "ids", "classes", "modalities", "groups", "grid", "grid:index", partners, "prior"]
  /// Which rows the draws of grids of single modalities are of.
  static let partners = "grid:partners"
  /// Before a modality's name: its embedding, rows × any width.
  static let embedding = "embedding:"

  /// An array's name taken apart: `logits/baseline/full`.
  struct Parts {
    var isLogits = false
    var side: Side = .model
    /// `missing:image`, `swap:image:3`.
    var rest: String

    enum Side { case model, baseline, validation, parts }

    init(_ name: String) {
      rest = name
      while true {
        if rest.hasPrefix("logits/"), !isLogits {
          isLogits = true
          rest.removeFirst("logits/".count)
        } else if rest.hasPrefix("baseline/"), side == .model {
          side = .baseline
          rest.removeFirst("baseline/".count)
        } else if rest.hasPrefix("validation/"), side == .model {
          side = .validation
          rest.removeFirst("validation/".count)
        } else if rest.hasPrefix("parts/"), side == .model {
          side = .parts
          rest.removeFirst("parts/".count)
        } else {
          return
        }
      }
    }

    /// `("image", 3)` of `swap:image:3`.
    var swap: (modality: String, number: Int)? {
      let words = rest.split(separator: ":", omittingEmptySubsequences: false)
      guard words.count == 3, words[0] == "swap", !words[1].isEmpty, let number = Int(words[2]), number >= 0 else {
        return nil
      }
      return (String(words[1]), number)
    }

    /// `image` of `grid:image`, which more than two modalities have.
    var grid: String? {
      guard rest.hasPrefix("grid:"), !TableNames.single.contains(rest), rest.count > 5 else { return nil }
      return String(rest.dropFirst(5))
    }

    /// `image` of `embedding:image`.
    var embedding: String? {
      guard side == .model, !isLogits, rest.hasPrefix(TableNames.embedding), rest != TableNames.embedding else {
        return nil
      }
      return String(rest.dropFirst(TableNames.embedding.count))
    }

    /// Whether only the rows of a grid have it.
    var isOfGrid: Bool { rest == "grid" || rest == TableNames.partners || grid != nil }

    /// `("missing", "image")` of `missing:image`.
    var condition: (kind: String, modalities: String)? {
      let words = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard words.count == 2, !words[0].isEmpty, !words[1].isEmpty, words[0] != "swap", words[0] != "grid",
        words[0] != "embedding",
        !words[1].contains(":")
      else { return nil }
      return (String(words[0]), String(words[1]))
    }
  }
}
