extension ModelDiagnosis {
  /// What a modality is worth, alone and in the model.
  public struct Worth: Codable, Equatable, Sendable {
    /// What it adds to the score of the model (Shapley).
    public var adds: Estimate
    /// What the score loses when it is missing.
    public var lost: Estimate
    /// The score of the model with nothing else there.
    public var only: Estimate
    /// The score of a model trained on it alone.
    public var alone: Estimate
    /// `alone` above the score of a constant prediction.
    public var aloneAboveChance: Estimate
    /// `alone` above `only`: what training the modalities together left unused.
    public var unused: Estimate
    /// The score of a linear classifier on the model's embedding of it, the embedding fixed.
    public var probe: Estimate?
    /// Its mean relative update in training, over that of the other modalities.
    public var speed: Double?

    public init(
      adds: Estimate, lost: Estimate, only: Estimate, alone: Estimate, aloneAboveChance: Estimate, unused: Estimate,
      probe: Estimate? = nil, speed: Double? = nil
    ) {
      self.adds = adds
      self.lost = lost
      self.only = only
      self.alone = alone
      self.aloneAboveChance = aloneAboveChance
      self.unused = unused
      self.probe = probe
      self.speed = speed
    }

    /// Whether a model trained on it alone beats a constant prediction beyond noise.
    public var isInformative: Bool { aloneAboveChance.isAbove(0) }
  }

  /// How firmly something can be said of what a model leans on.
  public enum Verdict: String, SettingChoice {
    /// On one modality, beyond noise.
    case leans
    /// On none by more than a little, and the interval is narrow enough to say so.
    case even
    /// The interval holds 0 and reaches too far.
    case unclear
    /// The model is not better than a constant prediction beyond noise.
    case learnedNothing = "learned-nothing"
  }

  /// Which modality a model leans on, and how strongly.
  public struct Leaning: Codable, Equatable, Sendable {
    public var verdict: Verdict
    /// What adds most.
    public var modality: String
    /// What adds as much as that one within noise, where others add less.
    public var peers: [String]
    /// What it and its peers add on average, above the mean of the others, in score.
    public var above: Estimate
    /// `above`, times how many they are, as a share of what all add: 1 where they alone add, 0 where all add alike.
    public var strength: Double
    /// What would be said with something else in place of a missing input; nil in older files.
    public var conventions: [Convention]?

    public init(
      verdict: Verdict, modality: String, peers: [String] = [], above: Estimate, strength: Double,
      conventions: [Convention]? = nil
    ) {
      self.verdict = verdict
      self.modality = modality
      self.peers = peers
      self.above = above
      self.strength = strength
      self.conventions = conventions
    }

    /// The conventions under which another modality leads, by more than a little.
    public var turning: [Convention] {
      (conventions ?? []).filter { convention in
        !([modality] + peers).contains(convention.modality) && convention.above >= ModelDiagnosis.smallestDifference
      }
    }
  }

  /// Something that may stand for a missing input.
  public struct Convention: Codable, Equatable, Sendable {
    public enum Form: String, SettingChoice {
      /// Features of zeros.
      case zeros
      /// The mean of the training features.
      case mean
      /// The model is told, and answers as its run does.
      case told
    }
    public var form: Form
    /// What adds most then.
    public var modality: String
    /// How much more than the next.
    public var above: Double

    public init(form: Form, modality: String, above: Double) {
      self.form = form
      self.modality = modality
      self.above = above
    }
  }

  /// The distance of the strongest and the weakest modality, taken apart.
  public struct GapParts: Codable, Equatable, Sendable {
    public var strong: String
    public var weak: String
    /// The model's score with the strong one only, above that with the weak one only.
    public var model: Estimate
    /// The same of models trained on each alone: what lies in the data.
    public var data: Estimate
    /// The rest: what lies in training them together.
    public var training: Estimate

    public init(strong: String, weak: String, model: Estimate, data: Estimate, training: Estimate) {
      self.strong = strong
      self.weak = weak
      self.model = model
      self.data = data
      self.training = training
    }
  }

  /// How far confidence can be believed under a condition.
  public struct Calibration: Codable, Equatable, Sendable {
    public var error: Estimate
    /// Mean confidence less the share that was right.
    public var overconfidence: Estimate

    public init(error: Estimate, overconfidence: Estimate) {
      self.error = error
      self.overconfidence = overconfidence
    }
  }

  /// Negative transfer in both senses.
  public struct Transfer: Codable, Equatable, Sendable {
    /// By condition, the impaired score less the full one: above 0 a modality does harm.
    public var impaired: [String: Estimate]
    /// The modality whose model, trained alone, is best; chosen by validation where there is a split for it.
    public var best: String
    public var chosenBy: String
    /// The full score less that of the best modality alone: below 0 fusing does harm.
    public var fused: Estimate

    public init(impaired: [String: Estimate], best: String, chosenBy: String, fused: Estimate) {
      self.impaired = impaired
      self.best = best
      self.chosenBy = chosenBy
      self.fused = fused
    }
  }

  /// What the steps say of gradients.
  public struct Gradients: Codable, Equatable, Sendable {
    /// The share of steps in which the fused loss and the modalities' agreement pull against each other.
    public var conflict: Double?
    /// The mean cosine of their gradients.
    public var cosine: Double?
    /// Mean norm of a step's move of a modality's branch, over the norm of the branch.
    public var updates: [String: Double]

    public init(conflict: Double? = nil, cosine: Double? = nil, updates: [String: Double] = [:]) {
      self.conflict = conflict
      self.cosine = cosine
      self.updates = updates
    }
  }

  /// A method that was tried on the data.
  public struct Tried: Codable, Equatable, Sendable {
    public var name: String
    /// What was set besides, as `key=value`.
    public var settings: [String]
    /// Validation score with everything there; mean over seeds.
    public var validationFull: Double
    /// Validation score averaged over each modality missing; mean over seeds.
    public var validationMissing: Double
    /// Test score less the baseline's, with everything there.
    public var full: Estimate
    /// Test score averaged over each modality missing (silent), less the baseline's.
    public var missing: Estimate
    /// The same with each modality absent (declared); nil in older files.
    public var validationAbsent: Double?
    public var absent: Estimate?
    /// The same over both, which decides.
    public var without: Estimate?
    /// Test scores by condition; means over seeds.
    public var scores: [String: Double]?

    /// What is not trained but put together: the diagnosed model, with one of each other modality alone for absence.
    public static let bundle = "bundle"

    /// What it is chosen by.
    public var validationWithout: Double {
      validationAbsent.map { ($0 + validationMissing) / 2 } ?? validationMissing
    }

    public init(
      name: String, settings: [String] = [], validationFull: Double, validationMissing: Double, full: Estimate,
      missing: Estimate, validationAbsent: Double? = nil, absent: Estimate? = nil, without: Estimate? = nil,
      scores: [String: Double]? = nil
    ) {
      self.validationAbsent = validationAbsent
      self.absent = absent
      self.without = without
      self.scores = scores
      self.name = name
      self.settings = settings
      self.validationFull = validationFull
      self.validationMissing = validationMissing
      self.full = full
      self.missing = missing
    }
  }

  /// A few methods, tried over a few seeds; chosen by validation score alone.
  public struct Trial: Codable, Equatable, Sendable {
    /// What was diagnosed, trained anew.
    public var baseline: Tried
    public var methods: [Tried]
    public var seeds: Int
    /// The best on the validation split; `nil` where none is better than the baseline there.
    public var chosen: String?
    /// The share of the training split that was held out to choose by; `nil` where there is a validation split.
    public var heldOut: Double?

    public init(baseline: Tried, methods: [Tried], seeds: Int, chosen: String? = nil, heldOut: Double? = nil) {
      self.baseline = baseline
      self.methods = methods
      self.seeds = seeds
      self.chosen = chosen
      self.heldOut = heldOut
    }

    /// The chosen method's row.
    public var pick: Tried? { methods.first { $0.name == chosen } }
    /// Whether the chosen method is better with a modality missing or absent, beyond noise, by more than a little.
    public var helps: Bool {
      pick.map {
        let gain = $0.without ?? $0.missing
        return gain.isAbove(0) && gain.value >= ModelDiagnosis.smallestDifference
      } ?? false
    }
  }
}
