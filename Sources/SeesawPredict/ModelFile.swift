package import Balancing
package import Encoders
package import Foundation
package import Multimodal
package import Records
package import Torch

/// A finished run's model: weights, what they mean, and what stands for a modality that is not there.
///
///     weights.safetensors   the parameters; the header says modalities, classes, task, metric and method, how encoders
///                           are built that were trained with the model, and, of a regression, the mean and the standard
///                           deviation that its target was standardized by
///     method.safetensors    what the method remembers for prediction, where it does
///     missing.safetensors   the features of a missing modality, [1, D] each
///     encoders/             fitted encoders, copied from the feature set
package enum ModelFile {
  /// What a regression's target was standardized by, as its weights say; nil of classes.
  package static func targets(_ weights: SafeTensors) throws -> TargetScale? {
    try weights.metadata["targets"].map {
      try Tree(json: $0, place: "\(weights.path): targets").decode(TargetScale.self, keys: .asNamed)
    }
  }

  /// How the encoders are built that were trained with a model, as its weights say.
  package static func encoders(_ weights: SafeTensors) throws -> [Modality: TrainedForm] {
    var forms: [Modality: TrainedForm] = [:]
    for (key, text) in weights.metadata where key.hasPrefix("encoder.") {
      let place = "\(weights.path): \(key)"
      forms[Modality(String(key.dropFirst("encoder.".count)))] =
        try Tree(json: text, place: place).decode(TrainedForm.self, keys: .asNamed)
    }
    return forms
  }

  package static func restored(_ method: any BalancingMethod, in folder: RunFolder) throws -> any BalancingMethod {
    guard let checkpointed = method as? any Checkpointed else { return method }
    return try restored(checkpointed, from: folder.url.appending(path: stateName))
  }

  /// What a run's method remembers.
  package static let stateName = "method.safetensors"

  /// The method with what a file says that it remembers: tensors by name, numbers as JSON under `state` in the header.
  ///
  /// - Parameter elementType: of its real tensors; nil leaves them as they are.
  package static func restored(
    _ method: any Checkpointed, from url: URL, elementType: ElementType? = nil
  ) throws -> any Checkpointed {
    var method = method
    let file = try SafeTensors(reading: url)
    let numbers = try Tree(json: file.metadata["state"] ?? "{}", place: "\(url.relativePath): state")
    try method.restore(
      MethodState(
        numbers: numbers,
        tensors: file.names.map { name in
          let tensor = try file.tensor(name)
          let type = tensor.elementType.isFloatingPoint ? elementType : nil
          return (name: name, tensor: try type.map { try tensor.to($0).cloned() } ?? tensor.cloned())
        }))
    return method
  }
}
