public import Records

/// How a data set is looked through.
public struct GuardSettings: Settings {
  /// Features are near-identical from this cosine on, −1…1, after the mean of training is taken from them.
  public var nearFeatures = 0.99
  /// Pictures are near-identical from this cosine of their prints on, −1…1.
  public var nearPictures = 0.9
  /// Sounds are near-identical from this cosine of their prints on, −1…1.
  public var nearSounds = 0.85
  /// The most multiplications spent on comparing pairs; beyond, a sample of the held-out rows is compared.
  public var work = 2e12
  /// Rows are not compared at all where fewer of them could be.
  public var fewestCompared = 1
  /// Where that sample is drawn from.
  public var seed: UInt64 = 0

  public init() {}

  /// What a training waits for: a fraction of a second, or the reading of features that are larger than that.
  public static var quick: GuardSettings {
    var settings = GuardSettings()
    settings.work = 2e10
    settings.fewestCompared = 64
    return settings
  }
}
