import Balancing
import Datasets
import Encoders
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

extension ModelFile {
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

  /// The method as it was when its weights were kept.
  static func method(_ builder: RunBuilder, in folder: RunFolder) throws -> any BalancingMethod {
    try restored(try builder.method(), in: folder)
  }
}
