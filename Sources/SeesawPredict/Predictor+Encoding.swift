import Balancing
import Encoders
import Foundation
import Multimodal
import Records
import Torch

extension Predictor {
  /// The features of the inputs' pictures, texts and sounds, by modality; encoded together, and what cannot be read left for
  /// its own input to answer for.
  func encoded(_ inputs: [PredictionInput]) -> [[String: Result<[Float], any Error>]] {
    var found = [[String: Result<[Float], any Error>]](repeating: [:], count: inputs.count)
    for (name, encoder) in encoders {
      let members = inputs.indices.filter { index in
        inputs[index].features[name] == nil && inputs[index].given.contains(name)
      }
      // A trained encoder is shown one picture, as in training.
      let looks = members.flatMap { index in
        let count = encoder.form.needsEncoder ? 1 : inputs[index].count(of: type(of: encoder).kind)
        return (0..<count).map { (index: index, number: $0) }
      }
      var rows: [Int: Result<[[Float]], any Error>] = [:]
      for start in stride(from: 0, to: looks.count, by: max(encoder.chunk, 1)) {
        let some = Array(looks[start..<min(start + max(encoder.chunk, 1), looks.count)])
        for (look, result) in zip(some, encoded(some.map { (inputs[$0.index], $0.number) }, encoder)) {
          let known = rows[look.index] ?? .success([])
          // Of several pictures, those that are empty say nothing.
          if case .failure(is EmptyInput) = result {
            rows[look.index] = known
          } else {
            rows[look.index] = known.flatMap { rows in result.map { rows + [$0] } }
          }
        }
      }
      for (index, rows) in rows {
        found[index][name] = rows.flatMap { rows in
          rows.isEmpty ? .failure(EmptyInput()) : .success(Self.mean(rows))
        }
      }
    }
    return found
  }

  /// As `encode` takes it of a sample with several pictures.
  static func mean(_ rows: [[Float]]) -> [Float] {
    guard rows.count > 1, var mean = rows.first?.map({ _ in Float(0) }) else { return rows.first ?? [] }
    for row in rows { for place in mean.indices { mean[place] += row[place] / Float(rows.count) } }
    return mean
  }

  /// Features of each look; `EmptyInput` for one that is empty, where that counts as absent.
  func encoded(
    _ looks: [(input: PredictionInput, number: Int)], _ encoder: any RawEncoder
  ) -> [Result<[Float], any Error>] {
    let detectsEmpty = detectsEmpty
    let prepared: [Result<PreparedInput, any Error>]
    do {
      prepared = try parallelMap(looks.count) { index in
        Result {
          let raw = try looks[index].input.read(type(of: encoder).kind, looks[index].number)
          if detectsEmpty, raw.isEmpty || looks[index].input.isMissing(type(of: encoder).kind) { throw EmptyInput() }
          return try encoder.prepare(raw)
        }
      }
      let width = encoder.width
      let taken = prepared.compactMap { try? $0.get() }
      let made = try encoder.encoded(taken.map { .success($0) }, threads: 0)
      var (place, next) = (0, 0)
      return prepared.map { input in
        input.flatMap { _ -> Result<[Float], any Error> in
          defer { place += 1 }
          if case .failure(let error) = made.results[place] { return .failure(error) }
          defer { next += width }
          return .success(Array(made.rows[next..<next + width]))
        }
      }
    } catch {
      return looks.map { _ in .failure(error) }
    }
  }

  /// What is given of an input, as features; nil for a modality that is absent.
  func features(
    of input: PredictionInput, encoded: [String: Result<[Float], any Error>]
  ) throws -> PerModality<[Float]?> {
    for name in input.features.keys where !modalities.contains(name) && !leftOut.contains(name) {
      throw Diagnosis(
        "there is no modality '\(name)'", found: ["the model has \(modalities.joined(separator: ", "))"],
        exitStatus: .usage)
    }
    for name in input.given where !leftOut.contains(name) { try needEncoder(name) }
    return try PerModality(model.modalities) { modality in
      if let given = input.features[modality.name] {
        let width = forms[modality].count
        guard given.count == width else {
          throw Diagnosis(
            "features of '\(modality.name)' are \(given.count) wide, the model was built for \(width)",
            exitStatus: .input)
        }
        // Python writes NaN for what is not there.
        if detectsEmpty, given.allSatisfy(\.isNaN) || given == missing[modality] { return nil }
        guard given.areFinite else {
          throw Diagnosis("features of '\(modality.name)' are not finite", exitStatus: .input)
        }
        return given
      }
      do {
        let found = try encoded[modality.name]?.get()
        return detectsEmpty && found == missing[modality] ? nil : found
      } catch is EmptyInput { return nil }
    }
  }

  private func needEncoder(_ name: String) throws {
    guard modalities.contains(name) else {
      throw Diagnosis(
        "the model has no modality '\(name)'", found: ["it has \(modalities.joined(separator: ", "))"],
        exitStatus: .usage)
    }
    guard encoders[name] != nil else {
      throw Diagnosis(
        "the run has no encoder for '\(name)': it was trained on features made elsewhere",
        remedy: "give the features themselves, as \"features\": {\"\(name)\": [...]}", exitStatus: .usage)
    }
  }
}
