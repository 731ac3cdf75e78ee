import Auditing
import Balancing
import Datasets
import Encoders
import Foundation
import Multimodal
import Records
import Torch

/// The words and patches of telling samples that speak for a model's answers.
///
/// It needs the raw picture and text, and the encoders that made the features; with slow ones only two samples are taken apart.
struct TellingParts {
  private let trial: ModelEvaluation
  private let raw: URL
  private let origins: [SampleOrigin]
  private let image: (name: String, encoder: any RawEncoder)
  private let text: (name: String, encoder: any RawEncoder)
  private let predict: (Outputs) throws -> Tensor

  /// Whether the encoders are quick: those that come with Seesaw are, checkpoints take a hundred times as long.
  private var isQuick: Bool {
    [image.encoder, text.encoder].allSatisfy { $0 is any BuiltInEncoder }
  }
  /// Pairs of walks for a sample, at most.
  private var pairs: Int { isQuick ? 10 : 3 }
  /// Samples that are taken apart, at most.
  private var most: Int { isQuick ? 8 : 2 }

  /// nil where the model's inputs are not one picture and one text, or their encoders or raw files are not known.
  ///
  /// - Parameter warn: is told what a person must know before code out of a file is run.
  init?(_ trial: ModelEvaluation, warn: (String) -> Void) throws {
    let set = trial.set
    guard trial.modalities.count == 2, let raw = set.rawFolder, let origins = try set.origins(of: "test") else {
      return nil
    }
    var found: [RawInput.Kind: (name: String, encoder: any RawEncoder)] = [:]
    for modality in trial.modalities {
      let url = set.folder.appending(path: "encoders/\(modality.name).safetensors")
      guard FileManager.default.fileExists(atPath: url.path) else { return nil }
      let encoder = try EncoderFile.read(url, warn: warn)
      found[type(of: encoder).kind] = (modality.name, encoder)
    }
    guard let image = found[.image], let text = found[.text] else { return nil }
    (self.trial, self.raw, self.origins, self.image, self.text) = (trial, raw, origins, image, text)
    predict = prediction(of: trial.method)
  }

  /// The samples, the first of them with their parts.
  func explained(_ samples: [TellingSample]) -> [TellingSample] {
    samples.enumerated().map { place, sample in
      guard place < most else { return sample }
      var sample = sample
      // A picture that is gone since takes nothing from the rest of the answer.
      sample.parts = try? parts(of: sample)
      return sample
    }
  }

  private func parts(of sample: TellingSample) throws -> TellingSample.Parts? {
    guard origins.indices.contains(sample.row), let path = origins[sample.row].image,
      let words = origins[sample.row].text
    else { return nil }
    let parts = InputParts(
      picture: try RGBImage(decoding: StoredInput.bytes(of: path, in: raw)), text: words, imageName: image.name,
      textName: text.name)
    guard !parts.words.isEmpty else { return nil }
    let whole = try probabilities(
      [parts.picture(parts.allPatches)], [parts.text(parts.allWords)], [(picture: 0, text: 0)])
    guard let answer = whole.indices.max(by: { whole[$0] < whole[$1] }) else { return nil }
    let classes = whole.count
    let shares = try parts.shares(stream: sample.id ?? "\(sample.row)", pairs: pairs) { pictures, texts, cells in
      let all = try probabilities(pictures, texts, cells)
      return cells.indices.map { all[$0 * classes + answer] }
    }
    return parts.record(shares, answer: trial.set.manifest.classes[answer])
  }

  /// The model's probabilities of pairs of a picture and a text, row by row.
  private func probabilities(
    _ pictures: [RGBImage], _ texts: [String], _ cells: [(picture: Int, text: Int)]
  ) throws -> [Double] {
    let seen = try encoded(pictures.map(RawInput.image), image.encoder)
    let read = try encoded(texts.map(RawInput.text), text.encoder)
    let set = trial.set
    return try withoutGradients {
      let inputs = try PerModality(trial.modalities) { modality in
        let isImage = modality.name == image.name
        let place = trial.modalities.firstIndex(of: modality) ?? 0
        let (rows, width) = isImage ? (seen, image.encoder.width) : (read, text.encoder.width)
        let values = cells.flatMap { cell -> ArraySlice<Float> in
          let row = isImage ? cell.picture : cell.text
          return rows[(row * width)..<((row + 1) * width)]
        }
        let form = set.forms[place]
        let inputs = try Tensor(values, shape: [cells.count] + form.shape)
        return try
          (form.needsEncoder
          ? inputs.to(form.elementType) : inputs.to(trial.builder.elementType) * set.scales[modality])
          .to(on: trial.builder.device)
      }
      let logits = try predict(trial.model(inputs)).to(on: .cpu).to(.float64)
      return try trial.model.task.probabilities(logits).array()
    }
  }

  private func encoded(_ inputs: [RawInput], _ encoder: any RawEncoder) throws -> [Float] {
    try encoder.encode(parallelMap(inputs.count) { try encoder.prepare(inputs[$0]) }, threads: 0)
  }
}
