import Foundation
public import Multimodal
public import Records
public import Torch

/// Visual contrastive decoding: logits with the picture, less those of the same prompt with a picture that says little.
///
///     l* = (1 + α) l − α l′                                     (eq. 3; α is ``strength``)
///
/// What the text alone makes likely is in both and is taken out. Tokens with l < max l + log β may be cut from what is
/// generated (`plausible(_:)`); of labels none is, since all classes might be.
///
/// Source: Leng et al., CVPR 2024, arXiv 2311.16922. Their scripts sample at temperature 1 with α 1, β 0.1 and 500 steps.
public struct ContrastiveDecoding: DecodingMethod {
  /// What stands for the picture in the second prompt.
  public enum Contrast: String, SettingChoice {
    /// The picture with noise.
    case diffused
    case black
    /// No picture at all.
    case none
  }

  public let model: any LanguageModel
  /// α; 0 is ordinary decoding.
  public var strength = 1.0
  /// β.
  public var cut = 0.1

  public init(_ model: any LanguageModel) { self.model = model }

  public func read(_ input: PromptInput) throws -> Reading {
    let plain = OrdinaryDecoding(model)
    let own = try plain.read(input)
    guard strength != 0 else { return own }
    guard let contrast = input.contrast.first else {
      throw Diagnosis("contrastive decoding needs a second prompt", exitStatus: .failed)
    }
    let other = try plain.read(contrast)
    return Reading(
      logits: try Self.contrasted(own.logits, other.logits, strength), caches: own.caches + other.caches)
  }

  public func proceed(_ reading: Reading, _ ids: [[Int]]) throws -> Reading {
    let plain = OrdinaryDecoding(model)
    let own = try plain.proceed(Reading(logits: reading.logits, caches: [reading.caches[0]]), ids)
    guard reading.caches.count > 1 else { return own }
    let other = try plain.proceed(Reading(logits: reading.logits, caches: [reading.caches[1]]), ids)
    return Reading(
      logits: try Self.contrasted(own.logits, other.logits, strength), caches: own.caches + other.caches, weight: 1)
  }

  /// (1 + α) l − α l′.
  public static func contrasted(_ own: Tensor, _ other: Tensor, _ strength: Double) throws -> Tensor {
    try own * (1 + strength) - other * strength
  }

  /// l* without the tokens that are implausible by l: those below max l + log β.
  ///
  /// - Parameters:
  ///   - logits: l*, [vocabulary].
  ///   - own: l, [vocabulary].
  public static func plausible(_ logits: Tensor, by own: Tensor, cut: Double) throws -> Tensor {
    let least = try own.max(0).scalar() + log(cut)
    return try logits.maskedFill(own.less(than: least), -.infinity)
  }

  /// √ᾱ and √(1 − ᾱ) of a step from 0 to 999: β_t = sigmoid(linspace(−6, 6, 1000)) (5·10⁻³ − 10⁻⁵) + 10⁻⁵, ᾱ = Π (1 − β).
  public static func noise(step: Int) -> (picture: Double, noise: Double) {
    var product = 1.0
    for t in 0...min(max(step, 0), 999) {
      let x = -6 + 12 * Double(t) / 999
      product *= 1 - ((5e-3 - 1e-5) / (1 + exp(-x)) + 1e-5)
    }
    return (product.squareRoot(), (1 - product).squareRoot())
  }

  /// A picture with the noise of a step: x′ = √ᾱ x + √(1 − ᾱ) n, of its normalized numbers.
  public static func diffused(_ picture: PreparedPicture, step: Int, numbers: inout SeededNumbers) -> PreparedPicture {
    let (keep, noise) = noise(step: step)
    return PreparedPicture(
      values: picture.values.map { Float(keep * Double($0) + noise * numbers.normal()) }, shape: picture.shape,
      layout: picture.layout, tokenCount: picture.tokenCount)
  }
}
