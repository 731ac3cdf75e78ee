public import Records

extension BalGrad {
  public struct Configuration: Settings {
    public var reweighting = true
    public var kl = Divergences()
    public var weight = Weights()
    public var ramp = Ramp()
    public var projection = Projection()
    public var heads = Heads()
    public init() {}

    public struct Divergences: Settings {
      public var direction = Direction.targetStudent
      public var stopGrad = true
      public var temperature = 1.0
      public var partner = Partner.others
      public init() {}
    }
    public enum Partner: String, SettingChoice { case others, consensus }
    public enum Direction: String, SettingChoice {
      case targetStudent = "target_student"
      case studentTarget = "student_target"
      case js
    }
    public struct Weights: Settings {
      public var form = WeightForm.lossRatio
      public var source = WeightSource.batch
      /// τ_w of `loss_softmax`.
      public var temperature = 1.0
      /// The value of `fixed`.
      public var value = 0.5
      /// The share that `ema` keeps of the past.
      public var beta = 0.9
      public init() {}
    }
    public enum WeightForm: String, SettingChoice {
      case lossRatio = "loss_ratio"
      case lossSoftmax = "loss_softmax"
      case lossQuotient = "loss_quotient"
      case confRatio = "conf_ratio"
      case fixed
    }
    public enum WeightSource: String, SettingChoice {
      case batch
      case ema
      case previousEpochMean = "previous_epoch_mean"
    }
    public struct Ramp: Settings {
      public var form = RampForm.linearToOne
      public var lambda0 = 0.1
      public var unit = RampUnit.step
      public var `where` = RampPlace.outside
      public init() {}
    }
    public enum RampForm: String, SettingChoice {
      case linearToOne = "linear_to_one"
      case additive, multiplicative, power, gaussian, log, constant
    }
    public enum RampUnit: String, SettingChoice { case step, epoch }
    public enum RampPlace: String, SettingChoice { case outside, inside }
    public struct Projection: Settings {
      public var enabled = true
      public var scope = ProjectionScope.embeddingsGlobal
      public var target = ProjectionTarget.fused
      public init() {}
    }
    public enum ProjectionScope: String, SettingChoice {
      case embeddingsGlobal = "embeddings_global"
      case perModality = "per_modality"
      case perTensor = "per_tensor"

      var grouping: BranchGrouping {
        switch self {
        case .embeddingsGlobal: .global
        case .perModality: .perModality
        case .perTensor: .perTensor
        }
      }
    }
    public enum ProjectionTarget: String, SettingChoice {
      case fused
      case fusedAndUnimodal = "fused_and_unimodal"
    }
    public struct Heads: Settings {
      public var update = HeadUpdate.cePlusKL
      public init() {}
    }
    public enum HeadUpdate: String, SettingChoice {
      case ceOnly = "ce_only"
      case cePlusKL = "ce_plus_kl"
    }
  }

  public static let card = MethodCard(
    name: "balgrad", title: "BalGrad",
    citation: Citation(
      authors: ["Junehyoung Kwon", "MiHyeon Kim", "Eunju Lee", "Juhwan Choi", "YoungBin Kim"],
      title: "See-Saw Modality Balance: See Gradient, and Sew Impaired Vision-Language Balance to Mitigate Dominant "
        + "Modality Bias", venue: "NAACL", year: 2025, url: "https://aclanthology.org/2025.naacl-long.222"),
    stage: .optimization,
    summary:
      "Adds a divergence loss between the unimodal predictions, weighted to the slower modality and growing over "
      + "training, and projects conflicting components out of the task gradient.",
    needs: ["unimodal classifiers", "three gradients a step"], modalities: .several,
    departures: [
      "The paper's ramp s(t) and its constant are not known to us: linear from 0.1 to 1, other forms by `ramp.form`.",
      "Which direction of the divergence trains which modality is read as in mutual learning: the other modality is "
        + "the target and gets no gradient (`kl.direction`, `kl.stop_grad`).",
      "The paper has classes: of a regression the divergence is the squared difference of the predictions, and "
        + "`js`, `consensus` and `conf_ratio` are refused.",
      "The paper has two modalities: for more, divergences are means over the others and weights keep the mean 1/2.",
    ],
    settings: settings([
      SettingNote("reweighting", "Weigh the divergences by `weight`; off: 1/2 each"),
      SettingNote(
        "kl.direction", "Which divergence: D_KL(other ‖ own), D_KL(own ‖ other), Jensen–Shannon",
        allowed: Configuration.Direction.allowed),
      SettingNote("kl.stop_grad", "Take the other modality's prediction as a fixed target"),
      SettingNote("kl.temperature", "Divides the logits before the divergence", range: .positive),
      SettingNote(
        "kl.partner",
        "Of several others: the mean of the divergences, or one from their consensus, in which the more "
          + "converged weigh more", allowed: Configuration.Partner.allowed),
      SettingNote("weight.form", "How convergence becomes a weight", allowed: Configuration.WeightForm.allowed),
      SettingNote(
        "weight.source", "Which losses the weights are made of", allowed: Configuration.WeightSource.allowed),
      SettingNote("weight.temperature", "Of loss_softmax", range: .positive),
      SettingNote("weight.value", "Of fixed", range: .nonNegative),
      SettingNote("weight.beta", "The share that ema keeps of the past", range: .fraction),
      SettingNote("ramp.form", "How the divergence grows over training", allowed: Configuration.RampForm.allowed),
      SettingNote("ramp.lambda0", "The factor at the first step", range: .nonNegative),
      SettingNote("ramp.unit", "Grow by step or by epoch", allowed: Configuration.RampUnit.allowed),
      SettingNote(
        "ramp.where", "Scale the whole divergence, or add to each weight: λ₀ + w·τ",
        allowed: Configuration.RampPlace.allowed),
      SettingNote("projection.enabled", "Project the target gradient where it conflicts"),
      SettingNote(
        "projection.scope", "One inner product over all branches, or one for each modality or tensor",
        allowed: Configuration.ProjectionScope.allowed),
      SettingNote(
        "projection.target", "Project the fused loss's gradient, or its sum with the unimodal ones",
        allowed: Configuration.ProjectionTarget.allowed),
      SettingNote(
        "heads.update", "Train the unimodal classifiers on their loss, or on the divergence too",
        allowed: Configuration.HeadUpdate.allowed),
    ]))
}
