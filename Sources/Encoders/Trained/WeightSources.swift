import Multimodal
import Torch

/// The parameters of a model at one pass.
struct ModelWeights: WeightSource {
  let weights: EncoderWeights
  let names: Set<String>

  init(_ weights: EncoderWeights) {
    self.weights = weights
    names = Set(weights.names)
  }

  func shape(of name: String) -> [Int]? { weights[name]?.shape }
  func tensor(_ name: String, _ shape: [Int]?) -> Tensor? { weights[name] }
}

/// What a network asks for when it is made, and where from.
final class AskedWeights: WeightSource {
  private let base: any WeightSource
  private(set) var tensors: [String: Tensor] = [:]

  init(_ base: any WeightSource) { self.base = base }

  var names: Set<String> { base.names }
  func shape(of name: String) -> [Int]? { base.shape(of: name) }
  func tensor(_ name: String, _ shape: [Int]?) throws -> Tensor? {
    let found = try base.tensor(name, shape)
    tensors[name] = found
    return found
  }
}

/// Whatever a network asks for by name and shape, for a network that there are no weights of yet.
struct AnyWeights: WeightSource {
  /// What a network takes for a sign of its parts.
  let names: Set<String>

  func shape(of name: String) -> [Int]? { nil }
  func tensor(_ name: String, _ shape: [Int]?) throws -> Tensor? { try shape.map { try Tensor.empty($0) } }
}
