import Foundation
import Records

/// What the features of each modality are multiplied by before a model sees them.
///
/// Features of unlike size are learned at unlike speed: those of one encoder may be ten times those of another, and joint
/// training then follows the larger. Each factor is the power of two that brings the mean square of the training rows
/// nearest to 1, which is what Seesaw's own encoders give; a power of two changes no digit of any number.
public struct FeatureScales: Sendable, Equatable {
  /// Of the modalities whose factor is not 1.
  private let factors: [Modality: Double]

  /// As they come.
  public static let none = FeatureScales([:])

  package init(_ factors: [Modality: Double]) { self.factors = factors.filter { $0.value != 1 } }

  /// The factor of a modality.
  public subscript(modality: Modality) -> Double { factors[modality] ?? 1 }

  /// The factors that a run's record says.
  ///
  /// - Throws: a `Diagnosis` where they are not factors of modalities.
  public init(recorded setting: String, modalities: [Modality], leftOut: [String]) throws {
    self =
      [DataSettings.noScale, DataSettings.ownScale, ""].contains(setting)
      ? .none : try FeatureScales(words: setting, known: modalities + leftOut.map { Modality($0) })
  }

  /// `image=2,text=16`.
  package init(words: String, known: [Modality]) throws {
    var factors: [Modality: Double] = [:]
    for part in words.split(separator: ",") {
      let sides = part.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      guard sides.count == 2, let factor = Double(sides[1]), factor.isFinite, factor > 0,
        known.contains(Modality(sides[0]))
      else {
        throw Diagnosis(
          "'\(words)' says no factors of features", place: "data.scale",
          found: ["'\(part)'; the modalities are \(known.map(\.name).joined(separator: ", "))"],
          remedy: "write auto, none, or factors such as \(known.first?.name ?? "image")=2", exitStatus: .usage)
      }
      factors[Modality(sides[0])] = factor
    }
    self.init(factors)
  }

  /// What `data.scale` is in a record: `none`, or `image=2,text=16` in the order of the modalities.
  public func words(_ modalities: [Modality]) -> String {
    let parts = modalities.filter { self[$0] != 1 }.map { modality in
      let factor = self[modality]
      return
        "\(modality.name)=\(factor >= 1 && factor < 0x1p53 && factor == factor.rounded() ? "\(Int(factor))" : "\(factor)")"
    }
    return parts.isEmpty ? DataSettings.noScale : parts.joined(separator: ",")
  }
}
