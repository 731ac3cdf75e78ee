public import Multimodal
public import Records

/// What is done to inputs under the conditions `missing` and `noisy`.
///
/// The defaults are how the BalGrad paper reads: salt and pepper on 30 % of the pixels, 15 % of the tokens deleted.
public struct ImpairmentSettings: Settings {
  /// The share of pixels that salt and pepper replace, in 0…1.
  public var noisyPixels = 0.3
  /// The share of the replaced pixels that become white, in 0…1; the paper says nothing, half is usual.
  public var saltShare = 0.5
  /// Hit each channel on its own, instead of whole pixels.
  public var perChannel = false
  /// Replace exactly the share of pixels, instead of each pixel with that probability.
  public var exactPixels = false
  /// The share of tokens that are deleted, in 0…1.
  public var deletedTokens = 0.15
  /// Delete exactly the share of tokens, instead of each token with that probability.
  public var exactTokens = false
  /// The share of a sound's samples that noise replaces, in 0…1; the paper has no sounds.
  public var noisySamples = 0.3
  /// Where the damage is drawn from; the same for every method and every training seed.
  public var seed: UInt64 = 0

  public init() {}

  /// The impairment of a kind of input.
  public func impairment(_ condition: ImpairedCondition, of kind: RawInput.Kind) -> any RawImpairment {
    switch (condition, kind) {
    case (.missing, _): MissingInput(kind)
    case (.noisy, .image):
      SaltAndPepper(ratio: noisyPixels, saltShare: saltShare, perChannel: perChannel, exactCount: exactPixels)
    case (.noisy, .text): TokenDeletion(ratio: deletedTokens, exactCount: exactTokens)
    case (.noisy, .audio): ReplacedSamples(ratio: noisySamples)
    }
  }

  /// Checks that every share is in 0…1.
  ///
  /// - Throws: ``ImpairmentSettingsError``.
  public func check() throws {
    let shares = [
      ("noisy_pixels", noisyPixels), ("salt_share", saltShare), ("deleted_tokens", deletedTokens),
      ("noisy_samples", noisySamples),
    ]
    let wrong = shares.filter { !(0...1).contains($0.1) }.map { "'\($0.0)' is \($0.1)" }
    if !wrong.isEmpty { throw ImpairmentSettingsError(found: wrong) }
  }
}

/// The conditions that every kind of input knows; their names stand in tables and file names.
public enum ImpairedCondition: String, SettingChoice {
  case missing, noisy

  /// The name under which a table shows it, such as `image-missing`.
  public func name(for kind: RawInput.Kind) -> String { "\(kind.rawValue)-\(rawValue)" }
}

/// A share outside of 0…1.
public struct ImpairmentSettingsError: Diagnosable, Equatable {
  /// A line for each setting.
  public let found: [String]

  public init(found: [String]) {
    self.found = found
  }

  public var diagnosis: Diagnosis {
    Diagnosis("a share of pixels, tokens or samples is outside of 0 to 1", found: found, exitStatus: .usage)
  }
}
