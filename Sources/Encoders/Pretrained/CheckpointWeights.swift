package import Foundation
import Multimodal
import Records
package import Torch

/// Where a network's tensors are.
protocol WeightSource {
  var names: Set<String> { get }
  func shape(of name: String) -> [Int]?
  /// The tensor of a name; nil where there is none.
  ///
  /// - Parameter shape: what it must have; nil: any.
  func tensor(_ name: String, _ shape: [Int]?) throws -> Tensor?
}

/// The tensors that a network is made of: those of a checkpoint, over the mapped file or files, or a model's parameters.
package struct CheckpointWeights {
  private let source: any WeightSource
  /// What a tensor's name begins with in the files.
  private var prefix = ""
  private let arithmetic: NetworkArithmetic
  private let folder: String

  /// What the network computes in.
  package var type: ElementType { arithmetic.type }

  /// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` lists.
  init(in folder: URL, as arithmetic: NetworkArithmetic) throws {
    self.arithmetic = arithmetic
    self.folder = folder.path
    source = try StoredWeights(Self.files(in: folder))
  }

  package init(in folder: URL, as type: ElementType) throws { try self.init(in: folder, as: NetworkArithmetic(type)) }

  /// The tensors of any other source.
  init(_ source: any WeightSource, as type: ElementType, of folder: String) {
    self.source = source
    arithmetic = NetworkArithmetic(type)
    self.folder = folder
  }

  /// The same, where all that is asked for is written down.
  func recorded() -> (weights: CheckpointWeights, record: AskedWeights) {
    let record = AskedWeights(source)
    return (CheckpointWeights(record, as: type, of: folder), record)
  }

  /// Whether the tensors are those of a model that may be trained, and not to be folded into others.
  var isTrained: Bool { source is ModelWeights }

  /// The pass that is trained on; nil of weights that are not a model's.
  var pass: EncoderWeights? { (source as? ModelWeights)?.weights }

  /// How products with the weights are taken.
  var products: ProductPrecision { ProductPrecision(type: pass?.productType) }

  /// Dropout at a place; none where the architecture has none there.
  func dropping(_ share: Double?) -> Dropping { Dropping(share: share, weights: pass) }

  /// Tells whoever trains the model what its batch says of a statistic.
  func note(_ name: String, _ value: Tensor) { pass?.note(prefix + name, value) }

  /// The files that hold the weights; all of them are there.
  package static func files(in folder: URL) throws -> [URL] {
    let manager = FileManager.default
    let single = folder.appending(path: "model.safetensors")
    if manager.fileExists(atPath: single.path) { return [single] }
    let index = folder.appending(path: "model.safetensors.index.json")
    if manager.fileExists(atPath: index.path) {
      let configuration = try CheckpointConfiguration(reading: index)
      guard let map = configuration["weight_map"]?.tableValue, !map.isEmpty else {
        throw configuration.malformed("weight_map", "a table of tensors and files")
      }
      return try Set(map.values.map { $0.stringValue ?? "" }).sorted().map { name in
        // A shard lies beside its index, never elsewhere.
        guard !name.isEmpty, !name.contains("/") else {
          throw configuration.malformed("weight_map", "a table of tensors and files beside it")
        }
        let url = folder.appending(path: name)
        guard manager.fileExists(atPath: url.path) else { throw CheckpointError.noFile(name, in: folder.path) }
        return url
      }
    }
    let names = (try? manager.contentsOfDirectory(atPath: folder.path)) ?? []
    if let pickle = names.sorted().first(where: isPickle) {
      throw CheckpointError.pickled(file: pickle, in: folder.path)
    }
    throw CheckpointError.noFile("model.safetensors", in: folder.path)
  }

  /// Whether a file of that name is read by running what is in it.
  static func isPickle(_ name: String) -> Bool {
    [".bin", ".pt", ".pth", ".ckpt", ".pkl"].contains { name.hasSuffix($0) }
  }

  /// The weights below the one place where a tensor of that name stands, so that `bert.`, `model.bert.` and nothing at
  /// all are read alike.
  func rooted(at anchors: String...) throws -> CheckpointWeights {
    for anchor in anchors {
      if has(anchor) { return self }
      // What a decoder calls by the same name is no encoder.
      let found = source.names.filter { $0.hasSuffix(".\(anchor)") && !$0.contains("decoder") }
      if let name = found.min(by: { ($0.count, $0) < ($1.count, $1) }) {
        var copy = self
        copy.prefix = String(name.dropLast(anchor.count))
        return copy
      }
    }
    throw CheckpointError.noTensor(anchors[0], in: folder)
  }

  /// The weights below the first of these prefixes under which a tensor of that name stands; checkpoints of one network
  /// have been written under several.
  package func within(anyOf prefixes: [String], holding name: String) throws -> CheckpointWeights {
    guard let found = prefixes.first(where: { has($0 + name) }) else {
      throw CheckpointError.noTensor(prefixes[0] + name, in: folder)
    }
    return within(found)
  }

  func hasAnywhere(_ name: String) -> Bool { has(name) || source.names.contains { $0.hasSuffix(".\(name)") } }

  package func within(_ path: String) -> CheckpointWeights {
    var copy = self
    copy.prefix += path
    return copy
  }

  package func has(_ name: String) -> Bool { source.names.contains(prefix + name) }

  /// The first of these names that there is; else the first.
  func either(_ names: String...) -> String { names.first(where: has) ?? names[0] }

  /// A tensor that must have that shape, in the type that is computed in.
  package func tensor(_ name: String, _ shape: [Int]) throws -> Tensor {
    let found = try tensor(name, of: shape)
    guard found.shape == shape else {
      throw CheckpointError.shape(tensor: prefix + name, found: found.shape, expected: shape, in: folder)
    }
    return found
  }

  /// A tensor of any shape, in the type that is computed in.
  func tensor(_ name: String) throws -> Tensor { try tensor(name, of: nil) }

  private func tensor(_ name: String, of shape: [Int]?) throws -> Tensor {
    guard let stored = try source.tensor(prefix + name, shape) else {
      throw CheckpointError.noTensor(prefix + name, in: folder)
    }
    guard stored.elementType.isFloatingPoint else {
      throw CheckpointError.unsupported(
        key: prefix + name, value: stored.elementType.safeTensorsName, in: folder,
        supported: "weights as float32, float16 or bfloat16")
    }
    return try arithmetic(stored)
  }

  package func shape(of name: String) -> [Int]? { source.shape(of: prefix + name) }
}

/// The type of fewer bits that products are taken in while a network is trained; what goes in and comes out keeps its own.
struct ProductPrecision {
  let type: ElementType?

  func callAsFunction(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor?, _ product: (Tensor, Tensor, Tensor?) throws -> Tensor
  ) throws -> Tensor {
    guard let type, Autograd.isRecording else { return try product(x, weight, bias) }
    return try product(x.to(type), weight.to(type), bias?.to(type)).to(x.elementType)
  }
}

/// Weights in mapped files.
private struct StoredWeights: WeightSource {
  private let files: [SafeTensors]
  /// The file of each tensor.
  private let places: [String: Int]
  let names: Set<String>

  init(_ urls: [URL]) throws {
    files = try urls.map { url in
      try GitLFSPointer.refuse(url)
      do { return try SafeTensors(reading: url) } catch let error as SafeTensorsError {
        throw CheckpointError.unreadable(file: url.path, reason: error.description)
      }
    }
    places = files.enumerated().reduce(into: [:]) { places, file in
      for name in file.element.names { places[name] = file.offset }
    }
    names = Set(places.keys)
  }

  func shape(of name: String) -> [Int]? { places[name].flatMap { files[$0].entry(name)?.shape } }
  func tensor(_ name: String, _ shape: [Int]?) throws -> Tensor? { try places[name].map { try files[$0].tensor(name) } }
}
