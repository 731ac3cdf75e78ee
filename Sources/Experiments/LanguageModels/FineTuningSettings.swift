public import Foundation
public import LanguageModels
public import Records

/// How an adapter is trained.
public struct FineTuningSettings: Settings {
  /// What an epoch is chosen by.
  public enum Selection: String, SettingChoice {
    /// The validation samples as they are.
    case full
    /// The mean over them as they are, with each picture black, and with each text left out.
    case standing
  }

  public var adapter = AdapterSettings()
  public var loss = LabelLoss.token
  /// The share of training prompts whose picture is black, and of those without the sample's text; never both at once.
  public var imageDropout = 0.0
  public var textDropout = 0.0
  /// Whether each sample is shown three times a step: whole, with a black picture, and without its text.
  public var subsets = false
  public var learningRate = 1e-4
  /// The share of steps over which the learning rate rises; then it falls as a cosine.
  public var warmup = 0.03
  public var weightDecay = 0.0
  public var epochs = 3
  public var batchSize = 16
  /// Samples of each split at most, drawn by the seed; 0 takes all.
  public var samples = 0
  public var validationSamples = 0
  public var selection = Selection.full
  public var seed: UInt64 = 0

  public init() {}

  /// - Throws: a `Diagnosis` that names the first number that cannot be.
  public func check() throws {
    try adapter.check()
    func refuse(_ what: String) -> Diagnosis { Diagnosis(what, exitStatus: .usage) }
    for (name, number, least) in [
      ("--epochs", epochs, 1), ("--batch-size", batchSize, 1), ("--samples", samples, 0),
      ("--validation-samples", validationSamples, 0),
    ] where number < least { throw refuse("\(name) is \(number), must be at least \(least)") }
    for (name, share) in [("--image-dropout", imageDropout), ("--text-dropout", textDropout), ("--warmup", warmup)]
    where !(0...1).contains(share) { throw refuse("\(name) is \(share), must be of 0…1") }
    guard imageDropout + textDropout <= 1 else {
      throw refuse("--image-dropout and --text-dropout are \(imageDropout + textDropout) together, 1 at most")
    }
    if subsets, imageDropout + textDropout > 0 {
      throw refuse("--subsets shows every sample without each modality already; it goes without modality dropout")
    }
    guard learningRate > 0, learningRate.isFinite else {
      throw refuse("--learning-rate is \(learningRate), must be above 0")
    }
    guard weightDecay >= 0, weightDecay.isFinite else {
      throw refuse("--weight-decay is \(weightDecay), must be at least 0")
    }
  }
}

/// The training of an adapter as it is asked for.
public struct FineTuningRequest: Sendable {
  public var model: LanguageModelSettings
  /// Raw pictures with texts and labels, with a training split.
  public var data: URL
  /// Where adapter, record and checkpoint lie.
  public var out: URL
  public var settings = FineTuningSettings()
  public var layout: String?
  public var variant: String?
  public var followLinks = false
  /// Threads of an operation; nil: as many as libtorch takes.
  ///
  /// Results may differ in the last bits between counts.
  public var threads: Int?
  public var checkpointSeconds = 300.0
  /// Bytes of what the tower makes of pictures that are kept from epoch to epoch; what is beyond is made anew.
  public var keptFeatures = 2 << 30
  /// Trains anew although the same training is finished.
  public var again = false
  /// Waits for whoever is at work in the folder, instead of refusing.
  public var wait = false

  public init(model: LanguageModelSettings, data: URL, out: URL) {
    self.model = model
    self.data = data
    self.out = out
  }
}
