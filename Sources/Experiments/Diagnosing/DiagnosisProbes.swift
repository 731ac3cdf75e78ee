import Datasets
import Evaluation
import Foundation
import Multimodal
import Records
import Torch

extension DiagnosisWork {
  /// What a linear probe of a model says, from its file where it was trained before.
  func probe(_ trial: ModelEvaluation, _ run: RunFolder, _ modality: Modality) throws -> ModelTable.Probed {
    try checkStop()
    let seed = trial.builder.configuration.seed
    let folder = request.out.appending(path: "probes")
    let place = modalities.firstIndex(of: modality) ?? 0
    let url = folder.appending(path: "\(place)-seed-\(seed).safetensors")
    let key = FileDigest.sha256(
      of: "\(modality.name) \(try FileDigest.sha256(of: run.weights)) "
        + data.digests.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: " "))
    let test = set.test
    let hasValidation = set.validation != nil
    if let file = try? SafeTensors(reading: url), file.metadata["key"] == key, let test,
      hasValidation == (file.entry("validation") != nil)
    {
      if set.targets != nil {
        return ModelTable.Probed(
          test: try Predictions(targets: test.labels.array(), answers: file.tensor("probabilities").array()),
          validation: hasValidation ? try file.tensor("validation").array() : nil)
      }
      return ModelTable.Probed(
        test: try Predictions(
          task: set.manifest.task, classes: set.manifest.classes.count, truth: test.labels.array(),
          probabilities: file.tensor("probabilities").array(),
          thresholds: file.entry("thresholds") == nil ? nil : file.tensor("thresholds").array()),
        validation: hasValidation ? try file.tensor("validation").array() : nil)
    }
    let found = try LinearProbe(trial: trial, modality: modality).predictions()
    try Diagnosis.placing(folder) {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    let classes = set.manifest.outputs
    try SafeTensors.write(
      [("probabilities", try Tensor(found.test.probabilities, shape: [found.test.count, classes]))]
        + (found.test.thresholds.map { [("thresholds", try Tensor($0))] } ?? [])
        + (found.validation.map { [("validation", try Tensor($0, shape: [$0.count / classes, classes]))] } ?? []),
      metadata: ["key": key], to: url)
    return found
  }
}
