import Foundation
import Multimodal
import Records
import Torch

extension FeatureScales {
  /// As `data.scale` says it.
  ///
  /// - Parameter set: whose training rows are measured where the setting is `auto`.
  /// - Throws: a `Diagnosis` where it is neither `auto` nor `none` nor factors of modalities.
  init(_ setting: String, _ set: FeatureSet) throws {
    switch setting.trimmingCharacters(in: .whitespaces) {
    case DataSettings.noScale, "": self = .none
    case DataSettings.ownScale: self = try Self.measured(set)
    default: self = try FeatureScales(words: setting, known: set.modalities + set.leftOut.map { Modality($0) })
    }
  }

  /// The power of two for each modality of features; pixels and tokens stay as they are.
  fileprivate static func measured(_ set: FeatureSet) throws -> FeatureScales {
    let places = set.train.evenlySpaced()
    var factors: [Modality: Double] = [:]
    for (modality, features) in set.train.rows where !set.form(modality).needsEncoder {
      let some = try features.shape[0] == 1 ? features.tensor() : features.indexed(places)
      let mean: Double = try some.to(.float64).square().mean().scalar()
      guard mean.isFinite, mean > 0 else { continue }
      factors[modality] = exp2(max(-60, min(60, (-log2(mean) / 2).rounded())))
    }
    return FeatureScales(factors)
  }
}

extension FeatureSet {
  /// The same set, whose features come multiplied.
  func scaled(by scales: FeatureScales) -> FeatureSet {
    guard scales != self.scales else { return self }
    return FeatureSet(
      of: self, manifest, train: train.scaled(by: scales), validation: validation?.scaled(by: scales),
      test: test?.scaled(by: scales), view: view, leftOut: leftOut, scales: scales)
  }

  /// The same set, whose features come multiplied as a setting says.
  ///
  /// - Parameter setting: `auto`, `none`, or factors such as `image=2,text=16`.
  public func scaled(_ setting: String) throws -> FeatureSet { try scaled(by: FeatureScales(setting, self)) }
}
