import Foundation
import Multimodal
import Records
import Torch

/// Whether an exported model answers as the run does, on made-up rows with every set of modalities there.
struct ExportCheck {
  let model: ExportedModel

  /// At least so many rows, and so many at most.
  private static let rows = (least: 24, most: 256)
  /// The largest difference of probabilities that rounding explains; of a regression relative to the target's deviation.
  static let tolerance = 1e-4

  /// What was compared.
  struct Outcome {
    let rows: Int
    let difference: Double
  }

  /// Compares with what the run's predictor answers.
  ///
  /// - Parameter answer: the exported model's first output, [rows, C].
  /// - Throws: what either throws, and a `Diagnosis` of a defect where they differ by more than rounding.
  func callAsFunction(_ answer: ([Tensor]) throws -> Tensor) throws -> Outcome {
    let modalities = model.predictor.model.modalities
    let sets = model.answersAbsence ? (1 << modalities.count) - 1 : 1
    let count = min(max(Self.rows.least, sets), Self.rows.most)
    // Set by set, all of them before one comes again; that with everything there first.
    let isThere = (0..<count).map { row in
      modalities.indices.map { !model.answersAbsence || (sets - row % sets) & 1 << $0 != 0 }
    }
    var inputs: [Tensor] = []
    var asked = (0..<count).map { _ in PredictionInput() }
    for (place, modality) in modalities.enumerated() {
      let form = model.predictor.forms[modality]
      var numbers = SeededNumbers(seed: 1, stream: "export-check/\(modality.name)")
      let values: [[Float]] = (0..<count).map { _ in
        (0..<form.count).map { _ in
          form.needsEncoder ? Float(1 + numbers.uniform(below: 200)) : Float(2 * numbers.uniform() - 1)
        }
      }
      for row in 0..<count where isThere[row][place] { asked[row].features[modality.name] = values[row] }
      let tensor = try Tensor(values.flatMap { $0 }, shape: [count] + form.shape)
      inputs.append(
        try model.encodedElsewhere.contains(modality)
          ? withoutGradients { try model.predictor.model.encoded(modality, tensor.to(form.elementType)) }.to(.float32)
          : tensor.to(form.elementType))
    }
    if model.answersAbsence {
      inputs.append(
        try Tensor(isThere.flatMap { $0.map { $0 ? 1 : 0 } }, shape: [count, modalities.count]).to(.bool))
    }
    let found = try answer(inputs)
    let width = model.predictor.targets == nil ? model.predictor.classes.count : 1
    guard found.shape == [count, width] else {
      throw Diagnosis(
        "the exported model gives \(found.shape), and [\(count), \(width)] was expected", exitStatus: .defect)
    }
    let numbers: [Double] = try found.to(.float64).array()
    var difference = 0.0
    for (row, prediction) in try model.predictor.predict(asked).enumerated() {
      let expected =
        prediction.value.map { [$0] } ?? model.predictor.classes.map { prediction.probabilities[$0] ?? .nan }
      let scale = model.predictor.targets?.deviation ?? 1
      for (place, value) in expected.enumerated() {
        let off = abs(numbers[row * width + place] - value) / scale
        difference = off.isNaN ? .infinity : max(difference, off)
      }
    }
    guard difference <= Self.tolerance else {
      throw Diagnosis(
        "the exported model does not answer as the run does",
        found: ["of \(count) rows the largest difference is \(difference)"],
        remedy: "the file was not kept; please report this", exitStatus: .defect)
    }
    return Outcome(rows: count, difference: difference)
  }
}
