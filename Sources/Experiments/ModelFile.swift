import Balancing
import Datasets
import Encoders
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

/// A finished run's model: weights, what they mean, and what stands for a modality that is not there.
///
///     weights.safetensors   the parameters; the header says modalities, classes, task, metric and method, how encoders
///                           are built that were trained with the model, and, of a regression, the mean and the standard
///                           deviation that its target was standardized by
///     method.safetensors    what the method remembers for prediction, where it does
///     missing.safetensors   the features of a missing modality, [1, D] each
///     encoders/             fitted encoders, copied from the feature set
enum ModelFile {
  static func write(
    _ builder: RunBuilder, _ model: MultimodalModel, _ method: any BalancingMethod, to folder: RunFolder
  )
    throws
  {
    let manifest = builder.data.set.manifest
    var metadata = [
      "format": "seesaw-weights/1", "modalities": manifest.modalities.joined(separator: ","),
      "classes": Tree.list(manifest.classes.map(Tree.string)).json(), "task": manifest.task.rawValue,
      "metric": manifest.metric.rawValue, "method": builder.configuration.methodName,
    ]
    if let targets = builder.data.set.targets {
      metadata["targets"] = try Tree(encoding: targets, keys: .asNamed).json()
    }
    for (modality, encoder) in builder.encoders {
      metadata["\(modality.encoder)"] = try Tree(encoding: encoder.form, keys: .asNamed).json()
    }
    try SafeTensors.write(model.store.named(), metadata: metadata, to: folder.weights)
    if let state = try (method as? any Checkpointed)?.state() {
      let tensors = state.tensors.map { ($0.name, $0.tensor) }
      try SafeTensors.write(
        tensors, metadata: ["state": state.numbers.json()], to: folder.url.appending(path: stateName))
    }
    let missing = try builder.data.set.modalities.map { ($0.name, try builder.data.set.missingFeatures($0)) }
    try SafeTensors.write(missing, to: folder.url.appending(path: "missing.safetensors"))
    let encoders = builder.data.set.encoderFiles
    if !encoders.isEmpty {
      let target = folder.url.appending(path: "encoders")
      try Diagnosis.placing(target) {
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        for (name, url) in encoders {
          try AtomicFile.write(Data(contentsOf: url), to: target.appending(path: "\(name).safetensors"))
        }
      }
    }
  }

  /// What a regression's target was standardized by, as its weights say; nil of classes.
  static func targets(_ weights: SafeTensors) throws -> TargetScale? {
    try weights.metadata["targets"].map {
      try Tree(json: $0, place: "\(weights.path): targets").decode(TargetScale.self, keys: .asNamed)
    }
  }

  /// How the encoders are built that were trained with a model, as its weights say.
  static func encoders(_ weights: SafeTensors) throws -> [Modality: TrainedForm] {
    var forms: [Modality: TrainedForm] = [:]
    for (key, text) in weights.metadata where key.hasPrefix("encoder.") {
      let place = "\(weights.path): \(key)"
      forms[Modality(String(key.dropFirst("encoder.".count)))] =
        try Tree(json: text, place: place).decode(TrainedForm.self, keys: .asNamed)
    }
    return forms
  }

  /// The method as it was when its weights were kept.
  static func method(_ builder: RunBuilder, in folder: RunFolder) throws -> any BalancingMethod {
    try restored(try builder.method(), in: folder)
  }

  static func restored(_ method: any BalancingMethod, in folder: RunFolder) throws -> any BalancingMethod {
    guard let checkpointed = method as? any Checkpointed else { return method }
    return try restored(checkpointed, from: folder.url.appending(path: stateName))
  }

  /// What a run's method remembers.
  private static let stateName = "method.safetensors"

  /// The method with what a file says that it remembers: tensors by name, numbers as JSON under `state` in the header.
  ///
  /// - Parameter elementType: of its real tensors; nil leaves them as they are.
  static func restored(
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
