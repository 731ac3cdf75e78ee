package import Balancing
import Foundation
package import Multimodal
package import Records
package import Torch
import TorchNN

/// A finished model's answers to declared absence: which it has, which was chosen, and what they need.
package struct Absence {
  package let model: MultimodalModel
  package let method: any BalancingMethod
  /// The training means of the features eₘ, [1, H] each.
  package let means: PerModality<Tensor>
  /// By which each unimodal classifier's logits are divided.
  package let temperatures: PerModality<Double>
  /// By modality: what was chosen, and the validation scores that chose; no scores without a validation split.
  package var chosen: [String: AbsenceAnswer] = [:]
  package var scores: [String: [String: Double]] = [:]

  package init(
    _ model: MultimodalModel, _ method: any BalancingMethod, means: PerModality<Tensor>,
    temperatures: PerModality<Double>
  ) {
    self.model = model
    self.method = method
    self.means = means
    self.temperatures = temperatures
  }

  /// The answers that the model has, in the order that decides where nothing else does.
  package var offered: [AbsenceAnswer] {
    AbsenceAnswer.allCases.filter { answer in
      switch answer {
      case .own: method is any AnswersAbsence
      case .unimodal: method is any TrainsUnimodalClassifiers
      case .meanContribution, .encodedEmpty: true
      }
    }
  }

  /// The answer to some modalities' absence: what was chosen for one; of several, what had the best validation scores with
  /// each of them absent.
  package func answer(to absent: Set<Modality>) -> AbsenceAnswer {
    let names = absent.map(\.name).sorted()
    if names.count == 1, let one = chosen[names[0]] { return one }
    let found = offered
    let sums = found.map { answer in names.reduce(0.0) { $0 + (scores[$1]?[answer.rawValue] ?? 0) } }
    let best = sums.indices.max { (sums[$0], -$0) < (sums[$1], -$1) }
    return best.map { found[$0] } ?? .encodedEmpty
  }

  /// The logits [B, C] of a forward pass in which what stands for a missing input stood in place of `absent`.
  package func logits(_ outputs: Outputs, absent: Set<Modality>, by answer: AbsenceAnswer? = nil) throws -> Tensor {
    if absent.isEmpty { return try prediction(of: method)(outputs) }
    switch answer ?? self.answer(to: absent) {
    case .own: return try prediction(of: method, absent: absent)(outputs)
    case .encodedEmpty: return try prediction(of: method)(outputs)
    case .meanContribution:
      let features = try outputs.features.map { modality, feature in
        absent.contains(modality) ? try means[modality].expanded(feature.shape) : feature
      }
      return try prediction(of: method)(outputs.model.outputs(ofFeatures: features))
    case .unimodal:
      let all = Array(try outputs.unimodal())
      let present = all.filter { !absent.contains($0.0) }
      let calibrated = try (present.isEmpty ? all : present).map { modality, logits in
        let logits = try logits / temperatures[modality]
        return model.task == .multiLabel || !model.task.hasClasses ? logits : try logits.logSoftmax(-1)
      }
      return try Tensor.stack(calibrated).mean(0)
    }
  }

  /// As a run has it; nil for a run of a version that knew only the method's own rule.
  package init?(
    in folder: RunFolder, _ record: RunRecord, _ model: MultimodalModel, _ method: any BalancingMethod
  ) throws {
    guard let names = record.absence, FileManager.default.fileExists(atPath: folder.absence.path) else { return nil }
    let file = try SafeTensors(reading: folder.absence)
    self.model = model
    self.method = method
    means = try PerModality(model.modalities) { modality in
      let mean = try file.tensor("\(modality.name).mean")
      let width = model.embeddings[modality].weight.shape[0]
      guard mean.shape == [1, width] else {
        throw Diagnosis(
          "the mean feature of '\(modality.name)' has the shape \(mean.shape), expected [1, \(width)]",
          place: folder.absence.relativePath, exitStatus: .input)
      }
      return try mean.to(model.store.elementType, on: model.store.device)
    }
    temperatures = try PerModality(model.modalities) { modality in
      let numbers: [Double] = try file.tensor("\(modality.name).temperature").array()
      return numbers.first.map { $0.isFinite && $0 > 0 ? $0 : 1 } ?? 1
    }
    chosen = names
    scores = record.absenceScores ?? [:]
    let unknown = chosen.values.filter { !offered.contains($0) }
    guard unknown.isEmpty else {
      throw Diagnosis(
        "the record names an answer to absence that the method does not have: "
          + unknown.map(\.rawValue).sorted().joined(separator: ", "),
        place: folder.record.relativePath, exitStatus: .input)
    }
  }
}

/// How a method's prediction is made of a forward pass.
package func prediction(
  of method: any BalancingMethod, absent: Set<Modality> = []
) -> (Outputs) throws -> Tensor {
  guard let own = method as? any PredictsItsOwnWay else { return { $0.logits } }
  return { try own.logits($0, absent: absent) }
}
