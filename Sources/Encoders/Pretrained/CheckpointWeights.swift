package import Foundation
import Multimodal
import Records
package import Torch
import TorchNN

/// The tensors of a checkpoint, over the mapped file or files.
package struct CheckpointWeights {
  /// What there is.
  private(set) var names: CheckpointNames
  private let files: [SafeTensors]
  /// The file of each tensor.
  private let places: [String: Int]
  private let arithmetic: NetworkArithmetic

  /// What a network over them computes in.
  package var type: ElementType { arithmetic.type }

  /// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` lists.
  init(in folder: URL, as arithmetic: NetworkArithmetic) throws {
    self.arithmetic = arithmetic
    files = try Self.files(in: folder).map { url in
      try GitLFSPointer.refuse(url)
      do { return try SafeTensors(reading: url) } catch let error as SafeTensorsError {
        throw CheckpointError.unreadable(file: url.path, reason: error.description)
      }
    }
    var (shapes, places): ([String: [Int]], [String: Int]) = ([:], [:])
    for (place, file) in files.enumerated() {
      for entry in file.entries { (shapes[entry.name], places[entry.name]) = (entry.shape, place) }
    }
    self.places = places
    names = CheckpointNames(shapes, of: folder.path)
  }

  package init(in folder: URL, as type: ElementType) throws { try self.init(in: folder, as: NetworkArithmetic(type)) }

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

  /// The weights below the first of these prefixes under which a tensor of that name stands; checkpoints of one network
  /// have been written under several.
  package func within(anyOf prefixes: [String], holding name: String) throws -> CheckpointWeights {
    guard let found = prefixes.first(where: { has($0 + name) }) else {
      throw CheckpointError.noTensor(names(prefixes[0] + name), in: names.folder)
    }
    return within(found)
  }

  package func within(_ path: String) -> CheckpointWeights {
    var copy = self
    copy.names = names.within(path)
    return copy
  }

  package func has(_ name: String) -> Bool { names.has(name) }

  /// A tensor that must have that shape, in the type that is computed in.
  package func tensor(_ name: String, _ shape: [Int]) throws -> Tensor { try stored(names(name), shape) }

  /// The same of the file's own name.
  private func stored(_ name: String, _ shape: [Int]) throws -> Tensor {
    guard let place = places[name], let found = names.shapes[name] else {
      throw CheckpointError.noTensor(name, in: names.folder)
    }
    let tensor = try files[place].tensor(name)
    guard tensor.elementType.isFloatingPoint else {
      throw CheckpointError.unsupported(
        key: name, value: tensor.elementType.safeTensorsName, in: names.folder,
        supported: "weights as float32, float16 or bfloat16")
    }
    guard found == shape else {
      throw CheckpointError.shape(tensor: name, found: found, expected: shape, in: names.folder)
    }
    return try arithmetic(tensor)
  }

  /// A network over these tensors, which are its parameters as they are, and those that it has asked for.
  func made<Network>(
    _ make: (Scope, CheckpointNames) throws -> Network
  ) throws -> (network: Network, parameters: [Parameter]) {
    // Scopes throw libtorch's errors alone; what is wrong with the checkpoint is told as it is.
    var failure: (any Error)?
    let constants = ConstantParameters { (path, shape) throws(TorchError) in
      do { return try stored(path.description, shape) } catch {
        failure = error
        throw TorchError(operation: "weights '\(path)'", shapes: [shape], message: "\(error)")
      }
    }
    do { return (try make(constants.root, names), constants.parameters) } catch { throw failure ?? error }
  }

  func network<Network>(_ make: (Scope, CheckpointNames) throws -> Network) throws -> Network {
    try made(make).network
  }
}
